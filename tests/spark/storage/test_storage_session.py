from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.errors import AnalysisException
from pyspark.sql import SparkSession

from abspark.config import Environment
from abspark.errors import AbsparkError
from abspark.storage import open_session, run_settings
from abspark.storage.java import java_version, old_java_error, require_java
from abspark.storage.session import local_settings

_SCRIPT = """
import json, sys
from abspark.config import Environment
from abspark.storage import open_session
environment = Environment.model_validate(json.loads(sys.argv[1]))
try:
    with open_session(environment) as spark:
        keys = ["spark.sql.shuffle.partitions", "spark.ui.enabled", "spark.sql.session.timeZone"]
        delta = spark.sql("SHOW TABLES").count()
        print(json.dumps([spark.conf.get(key) for key in keys]))
except Exception as error:
    print(type(error).__name__, error)
"""


@pytest.fixture(autouse=True)
def _as_in_a_run() -> None:
    """These tests begin outside of any run."""


def environment(**spark: object) -> Environment:
    return Environment.model_validate({"name": "test", "lake": {"path": "lake"}, "spark": spark or None})


def in_a_fresh_process(given: Environment, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", _SCRIPT, given.model_dump_json(by_alias=True, exclude_none=True)],
        capture_output=True,
        text=True,
        env={**os.environ, **variables},
        timeout=180,
        check=False,
    )


def fake_java(home: Path, version: str) -> Path:
    (home / "bin").mkdir(parents=True)
    java = home / "bin" / "java"
    java.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\" 2020-01-01' >&2\nexit 1\n")
    java.chmod(0o755)
    return java


@pytest.mark.spark
def test_own_session_takes_the_users_conf_and_is_quiet(tmp_path: Path) -> None:
    conf = {
        "spark.sql.shuffle.partitions": 3,
        "spark.driver.memory": "600m",
        "spark.sql.session.timeZone": "Asia/Tokyo",
    }
    ended = in_a_fresh_process(environment(master="local[1]", conf=conf), TMPDIR=str(tmp_path))
    assert (json.loads(ended.stdout), ended.stderr) == (["3", "false", "Asia/Tokyo"], "")
    assert list(tmp_path.glob("abspark-spark-*.log")) == []


@pytest.mark.spark
def test_session_that_does_not_start_says_why_in_one_screen(tmp_path: Path) -> None:
    ended = in_a_fresh_process(
        environment(master="local[1]", conf={"spark.driver.memory": "much"}), TMPDIR=str(tmp_path)
    )
    assert ended.stdout.startswith("AbsparkError Spark did not start: ")
    assert "abspark-spark-" in ended.stdout
    assert len(ended.stdout.splitlines()) == 2
    assert ended.stderr == ""


@pytest.mark.spark
@pytest.mark.long
def test_an_archive_of_classes_is_left_once_and_mapped_by_later_starts(tmp_path: Path) -> None:
    script = """
import os, sys
from pathlib import Path
from abspark.command_common import local_session
with local_session(keep_classes=sys.argv[1] == "keep") as spark:
    java = spark.sparkContext._jvm.java.lang.ProcessHandle.current().pid()
    print(spark.range(3).count(), "/abspark/classes-" in Path(f"/proc/{java}/maps").read_text())
"""

    def started(keeps: str) -> str:
        ended = subprocess.run(
            [sys.executable, "-c", script, keeps], capture_output=True, text=True, timeout=180, check=False,
            env={**os.environ, "XDG_CACHE_HOME": str(tmp_path)},
        )  # fmt: skip
        assert ended.stderr == ""
        return ended.stdout.split()[1]

    def archives() -> list[Path]:
        return list(tmp_path.glob("abspark/*.jsa*"))

    assert (started("no"), archives()) == ("False", [])
    assert started("keep") == "False"
    (archive,) = archives()
    written = archive.stat().st_mtime_ns
    assert started("no") == started("keep") == "True"
    assert [one.stat().st_mtime_ns for one in archives()] == [written]


def test_missing_java(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(
        AbsparkError, match=rf"JAVA_HOME is {tmp_path}, which has no bin/java\.\n  allowed: Java 17"
    ):
        require_java()
    monkeypatch.delenv("JAVA_HOME")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(AbsparkError, match=r"there is no java on PATH\.\n.*\n  do: install a JDK 17"):
        require_java()


@pytest.mark.parametrize(("says", "major"), [("11.0.2", 11), ("1.8.0_292", 8), ("17", 17), ("21.0.1", 21)])
def test_java_version(tmp_path: Path, says: str, major: int) -> None:
    assert java_version(fake_java(tmp_path, says)) == major


def test_old_java_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    java = fake_java(tmp_path / "old", "11.0.2")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "old"))
    assert str(old_java_error()).startswith(f"Java 17 is needed, and {java} is Java 11.\n")
    fake_java(tmp_path / "new", "17.0.1")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "new"))
    assert old_java_error() is None


@pytest.mark.spark
def test_session_that_is_there_is_used_and_left_running(spark: SparkSession) -> None:
    for given in (environment(), environment(master="local[2]")):
        with open_session(given) as session:
            assert session is spark
        assert spark.range(3).count() == 3


@pytest.mark.spark
def test_a_run_finds_no_size_in_what_is_not_there_and_leaves_no_file_out(spark: SparkSession) -> None:
    leaving = "spark.sql.files.ignoreCorruptFiles"
    spark.conf.set(leaving, "true")
    try:
        with run_settings(spark):
            [row] = spark.sql("SELECT size(CAST(NULL AS ARRAY<INT>)) < 3 AS few").collect()
            assert (row["few"], spark.conf.get(leaving)) == (None, "false")
        assert spark.conf.get(leaving) == "true"
    finally:
        spark.conf.unset(leaving)


@pytest.mark.spark
def test_settings_of_a_run_are_restored(spark: SparkSession) -> None:
    spark.conf.set("spark.sql.session.timeZone", "Asia/Tokyo")
    try:
        with pytest.raises(AbsparkError, match="UTC"), run_settings(spark):
            raise AbsparkError(spark.sql("SELECT current_timezone()").collect()[0][0])
        with run_settings(spark):
            assert spark.sql("SELECT str_to_map('a=1,a=2', ',', '=')['a']").collect()[0][0] == "2"
        assert spark.conf.get("spark.sql.session.timeZone") == "Asia/Tokyo"
    finally:
        spark.conf.set("spark.sql.session.timeZone", "UTC")


@pytest.mark.spark
@pytest.mark.parametrize(
    ("key", "other", "query", "answer"),
    [
        ("spark.sql.timestampType", "TIMESTAMP_NTZ", "typeof(CAST('2026-10-01' AS TIMESTAMP))", "timestamp"),
        ("spark.sql.parser.escapedStringLiterals", "true", r"'page_view' RLIKE '^page\\_view$'", True),
        ("spark.sql.caseSensitive", "true", "named_struct('user_id', 'u1').User_ID", "u1"),
        ("spark.sql.legacy.timeParserPolicy", "LEGACY", "try_to_date('1.3.2026 noon', 'd.M.yyyy')", None),
        (
            "spark.sql.decimalOperations.allowPrecisionLoss",
            "false",
            "cast(100 as decimal(38,18)) * cast(100 as decimal(38,18)) = 10000",
            True,
        ),
        ("spark.sql.legacy.consecutiveStringLiterals.enabled", "true", "'it''s'", "it's"),
        ("spark.sql.legacy.exponentLiteralAsDecimal.enabled", "true", "typeof(1e3)", "double"),
        ("spark.sql.legacy.literal.pickMinimumPrecision", "false", "typeof(2.0 / 3)", "decimal(7,6)"),
        (
            "spark.sql.legacy.castComplexTypesToString.enabled",
            "true",
            "cast(array(1, null) as string)",
            "[1, null]",
        ),
        ("spark.sql.legacy.negativeIndexInArrayInsert", "true", "array_append(array(1, 2), 3)[2]", 3),
        (
            "spark.sql.legacy.interval.enabled",
            "true",
            "date '2026-03-02' - date '2026-03-01' < interval 2 days",
            True,
        ),
        (
            "spark.sql.legacy.typeCoercion.datetimeToString.enabled",
            "true",
            "timestamp '2026-03-02 12:00:00' >= '2026-03-02T10:00:00'",
            True,
        ),
        (
            "spark.sql.legacy.followThreeValuedLogicInArrayExists",
            "false",
            "not exists(array(1, null), x -> x > 5)",
            None,
        ),
        (
            "spark.sql.jsonGenerator.ignoreNullFields",
            "false",
            "to_json(named_struct('a', null, 'b', 1))",
            '{"b":1}',
        ),
        ("spark.sql.preserveCharVarcharTypeInfo", "true", "typeof(cast('a' as char(3)))", "string"),
        ("spark.sql.parquet.outputTimestampType", "TIMESTAMP_MILLIS", None, "TIMESTAMP_MICROS"),
        ("spark.sql.legacy.parquet.nanosAsLong", "false", None, "true"),
        ("spark.sql.parquet.inferTimestampNTZ.enabled", "false", None, "true"),
        ("spark.sql.parquet.int96AsTimestamp", "false", None, "true"),
        ("spark.sql.retainGroupColumns", "false", None, "true"),
        (
            "spark.databricks.delta.generatedColumn.partitionFilterOptimization.enabled",
            "true",
            None,
            "false",
        ),
    ],
)
def test_settings_by_which_a_run_would_find_other_numbers(
    spark: SparkSession, key: str, other: str, query: str | None, answer: object
) -> None:
    """As a query tells, or the setting alone; after the run it is what it was."""
    before = spark.conf.get(key)
    spark.conf.set(key, other)
    try:
        with run_settings(spark):
            found = spark.conf.get(key) if query is None else spark.sql(f"SELECT {query}").collect()[0][0]
        assert (found, spark.conf.get(key)) == (answer, other)
    finally:
        spark.conf.set(key, str(before))


@pytest.mark.spark
def test_generated_methods_are_no_longer_than_java_compiles(spark: SparkSession) -> None:
    limit = "spark.sql.codegen.hugeMethodLimit"
    before = spark.conf.get(limit, None)
    spark.conf.unset(limit)
    try:
        with run_settings(spark):
            assert spark.conf.get(limit) == "8000"
        assert spark.conf.get(limit, None) is None
    finally:
        if before is not None:
            spark.conf.set(limit, before)


@pytest.mark.spark
def test_a_session_is_one_by_whatever_object(spark: SparkSession) -> None:
    java = spark._jvm.org.apache.spark.sql.classic.SparkSession.active()
    assert java is not spark._jsparkSession
    same = cast("SparkSession", SimpleNamespace(conf=spark.conf, _jsparkSession=java))
    spark.conf.set("spark.sql.session.timeZone", "Asia/Tokyo")
    try:
        one, other = run_settings(spark), run_settings(same)
        one.__enter__()
        other.__enter__()
        one.__exit__(None, None, None)
        assert spark.conf.get("spark.sql.session.timeZone") == "UTC"
        other.__exit__(None, None, None)
        assert spark.conf.get("spark.sql.session.timeZone") == "Asia/Tokyo"
    finally:
        spark.conf.set("spark.sql.session.timeZone", "UTC")


class Settings(dict[str, str]):
    """The part of a session's `conf` that a run needs; a real one cannot change its executors' options."""

    set = dict.__setitem__
    unset = dict.__delitem__


@pytest.mark.parametrize(
    ("key", "value", "within"),
    [
        ("spark.sql.codegen.hugeMethodLimit", "70000", "70000"),
        ("spark.executor.extraJavaOptions", "-Xss4m -XX:-DontCompileHugeMethods", "65535"),
        ("spark.executor.defaultJavaOptions", "-XX:-DontCompileHugeMethods", "65535"),
        ("spark.executor.extraJavaOptions", "-Xss4m", "8000"),
    ],
)
def test_a_limit_of_ones_own_stays(key: str, value: str, within: str) -> None:
    conf = Settings({key: value})
    with run_settings(cast("SparkSession", SimpleNamespace(conf=conf))):
        assert conf.get("spark.sql.codegen.hugeMethodLimit", "65535") == within
    assert conf == {key: value}


class Unchanged(Settings):
    """Those of a session that has all of them as a run needs them, and lets nobody set any."""

    set = unset = None  # type: ignore[assignment]


def test_what_is_as_a_run_needs_it_is_not_set_again() -> None:
    conf = Settings()
    with run_settings(cast("SparkSession", SimpleNamespace(conf=conf))):
        needed = Unchanged(conf)
    with run_settings(cast("SparkSession", SimpleNamespace(conf=needed))):
        assert needed["spark.sql.ansi.enabled"] == "false"
    assert len(needed) > 10


class ClosedSettings(Settings):
    """Those of a platform that neither tells nor takes any but its `open` ones, as Databricks serverless."""

    open: tuple[str, ...] = ("spark.sql.session.timeZone", "spark.sql.ansi.enabled")

    def get(self, key: str, default: Any = None) -> Any:
        self._require_open(key)
        return super().get(key, default)

    def set(self, key: str, value: str) -> None:
        self._require_open(key)
        self[key] = value

    def unset(self, key: str) -> None:
        self._require_open(key)
        del self[key]

    def _require_open(self, key: str) -> None:
        if key not in self.open:
            raise AnalysisException(f"[CONFIG_NOT_AVAILABLE] Configuration {key} is not available.")


def test_a_platform_that_closes_its_settings_goes_without_them() -> None:
    conf = ClosedSettings({"spark.sql.session.timeZone": "Asia/Tokyo"})
    with run_settings(cast("SparkSession", SimpleNamespace(conf=conf))):
        assert conf == {"spark.sql.session.timeZone": "UTC", "spark.sql.ansi.enabled": "false"}
    assert conf == {"spark.sql.session.timeZone": "Asia/Tokyo"}


def test_a_run_needs_a_time_zone_and_ansi_of_its_own() -> None:
    conf = ClosedSettings({"spark.sql.session.timeZone": "Asia/Tokyo"})
    conf.open = ("spark.sql.session.timeZone",)
    session = cast("SparkSession", SimpleNamespace(conf=conf))
    with (
        pytest.raises(AbsparkError, match=r"spark\.sql\.ansi\.enabled, which has to be false: Configuration"),
        run_settings(session),
    ):
        pytest.fail("it ran")
    assert conf == {"spark.sql.session.timeZone": "Asia/Tokyo"}
    conf.open = ClosedSettings.open
    with run_settings(session):
        assert conf["spark.sql.ansi.enabled"] == "false"


class Java:
    """A session of Java's, of which pyspark makes as many objects as it is asked for."""

    def sessionUUID(self) -> str:  # noqa: N802 - Java's name
        return "5f2d"


def test_runs_that_share_a_session_leave_its_settings_to_the_last() -> None:
    given = {"spark.sql.session.timeZone": "Asia/Tokyo", "spark.sql.ansi.enabled": "true"}
    conf, java = Settings(given), Java()
    one, other = (
        run_settings(cast("SparkSession", SimpleNamespace(conf=conf, _jsparkSession=java))) for _ in range(2)
    )
    one.__enter__()
    within = dict(conf)
    conf["spark.sql.session.timeZone"] = "CET"
    other.__enter__()
    one.__exit__(None, None, None)
    assert conf == within
    assert (within["spark.sql.session.timeZone"], within["spark.sql.ansi.enabled"]) == ("UTC", "false")
    other.__exit__(None, None, None)
    assert conf == given


def test_sessions_have_their_settings_apart() -> None:
    sessions = [
        SimpleNamespace(conf=Settings({"spark.sql.session.timeZone": zone})) for zone in ("CET", "CET")
    ]
    one, other = (run_settings(cast("SparkSession", session)) for session in sessions)
    one.__enter__()
    other.__enter__()
    one.__exit__(None, None, None)
    assert [session.conf["spark.sql.session.timeZone"] for session in sessions] == ["CET", "UTC"]
    other.__exit__(None, None, None)
    assert [session.conf for session in sessions] == [{"spark.sql.session.timeZone": "CET"}] * 2


def test_a_cluster_gets_no_settings() -> None:
    assert local_settings("yarn") == {}
    assert local_settings("local[*]")["spark.ui.enabled"] == "false"
    assert local_settings("local-cluster[2,1,1024]") == {}


def test_little_input_gets_a_small_heap_and_a_quick_compiler() -> None:
    little, much = local_settings("local[2]", 64 * 1024**2 - 1), local_settings("local[2]", 64 * 1024**2)
    assert (
        little["spark.driver.memory"],
        "TieredStopAtLevel=1" in little["spark.driver.extraJavaOptions"],
    ) == ("2g", True)
    assert "TieredStopAtLevel" not in much["spark.driver.extraJavaOptions"]
    assert "Tier4CompileThreshold=150000" in much["spark.driver.extraJavaOptions"]
    for settings in (little, much):
        assert "-XX:-DontCompileHugeMethods" in settings["spark.driver.extraJavaOptions"]
    assert little["spark.sql.adaptive.enabled"] == "false"
    assert "spark.sql.adaptive.enabled" not in much
    assert not [key for key in much if "skipping" in key]


@pytest.mark.parametrize(
    ("input_bytes", "partitions"),
    [(None, 64), (64 * 2**20, max(16, 4 * (os.cpu_count() or 1))), (660 * 2**20, 165), (2**40, 400)],
)
def test_much_input_gets_partitions_by_its_size(input_bytes: int | None, partitions: int) -> None:
    assert local_settings("local[2]", input_bytes)["spark.sql.shuffle.partitions"] == str(partitions)


@pytest.mark.spark
def test_what_is_set_for_much_input_reaches_java(tmp_path: Path) -> None:
    """Spark takes a setting of a wrong name without a word, so that only its reader can tell."""
    pq.write_table(pa.table({"n": range(1000)}), tmp_path / "log.parquet", row_group_size=10)
    script = """
import sys
from abspark.config import Environment
from abspark.storage import open_session
spark = {"master": "local[2]", "conf": {"spark.sql.files.openCostInBytes": "1"}}
given = Environment.model_validate({"name": "test", "lake": {"path": "lake"}, "spark": spark})
with open_session(given, input_bytes=64 * 1024**2) as spark:
    hadoop = spark.sparkContext._jsc.hadoopConfiguration()
    print([hadoop.get(f"parquet.enable.dictionary#{column}") for column in ("unit_id", "first_exposure_at", "variant")])
    print(spark.read.parquet(sys.argv[1]).rdd.getNumPartitions())
    print(spark._jsparkSession.sessionState().conf().maxConcurrentOutputFileWriters())
"""
    ended = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    dictionaries, parts, writers = ended.stdout.splitlines()
    assert (dictionaries, writers, ended.stderr) == ("['false', 'false', None]", "4", "")
    assert int(parts) >= 2 * (os.cpu_count() or 1)


def test_assignments_are_written_without_useless_dictionaries(spark: SparkSession, tmp_path: Path) -> None:
    settings = local_settings("local[2]", 64 * 1024**2)
    rows = spark.range(2000).selectExpr(
        "cast(id as string) as unit_id", "id as unit_key_hi", "id as unit_key_lo",
        "timestamp_micros(id) as first_exposure_at", "cast(id % 2 as string) as variant",
    )  # fmt: skip
    mine = [key for key in settings if key.startswith(("spark.hadoop.parquet.", "spark.sql.parquet."))]
    for key in mine:
        spark.conf.set(key.removeprefix("spark.hadoop."), settings[key])
    try:
        rows.coalesce(1).write.parquet(str(tmp_path / "rows"))
    finally:
        for key in mine:
            spark.conf.unset(key.removeprefix("spark.hadoop."))
    [path] = (tmp_path / "rows").glob("*.parquet")
    group = pq.ParquetFile(path).metadata.row_group(0)
    columns = [group.column(j) for j in range(group.num_columns)]
    dictionary = {column.path_in_schema: column.has_dictionary_page for column in columns}
    assert dictionary == {
        "unit_id": False, "unit_key_hi": False, "unit_key_lo": False, "first_exposure_at": False, "variant": True,
    }  # fmt: skip
    assert columns[3].physical_type == "INT64"
