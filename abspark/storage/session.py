"""Spark sessions: one of our own on a laptop, the one that is there on a cluster."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from subprocess import TimeoutExpired
from typing import Any, Final

from pyspark.sql import SparkSession

from abspark.config import Environment
from abspark.errors import AbsparkError, UsageError
from abspark.storage.class_archive import ArchiveBeingMade, archive_option, archive_to_make
from abspark.storage.conditions import first_line
from abspark.storage.delta_jars import class_path, known_jars, remember_jars
from abspark.storage.interrupts import interrupt_plainly
from abspark.storage.java import old_java_error, require_java
from abspark.storage.java_end import end_of_java_told, java_ended, java_has_ended, let_go
from abspark.storage.lake_faults import DELTA_CATALOG
from abspark.storage.quiet import broken_connections_untold
from abspark.storage.run_conf import COMPILE_ALL, JAVA_OPTIONS

_GIBIBYTE: Final = 1024**3
_LITTLE: Final = 64 * 1024**2
_PER_PARTITION: Final = 4 * 1024**2
"""Bytes of logs, compressed as they are read."""
_UNKNOWN: Final = 64
_MOST_PARTITIONS: Final = 400
# Each sort and each grouping of a task takes memory by the page, and the moments have a dozen at once. By itself Spark
# takes pages of 32 to 64 MB, which are nearly empty here, and has Java fill them with zeros first.
_PAGE_OF_FEW_ROWS: Final = "2m"
_PAGE: Final = "4m"
_LAST_WORDS: Final = 180
"""Seconds that Java may take to end, which is when it writes an archive."""
# Java's quick compiler alone gets room for 48 MB of code, which a run fills: then it throws code away and starts over.
# The other sizes spare the collections by which Java finds out how much a run needs.
_QUICK: Final = " ".join(
    (
        "-XX:TieredStopAtLevel=1", "-XX:ReservedCodeCacheSize=240m", "-XX:+UseSerialGC", "-XX:MetaspaceSize=256m",
        "-Xms640m", "-Xmn320m",
    )
)  # fmt: skip
# Java's thorough compiler takes up whatever was called some thousand times, most of it what plans queries and generates
# code, and is at it for 40 seconds of a processor. What runs for each row gets to ten times as many calls at once.
_THOROUGH: Final = " ".join(
    (
        "-XX:+UseParallelGC", "-XX:Tier4InvocationThreshold=50000", "-XX:Tier4MinInvocationThreshold=6000",
        "-XX:Tier4CompileThreshold=150000", "-XX:Tier4BackEdgeThreshold=400000",
    )
)  # fmt: skip
_PACKAGES: Final = "spark.jars.packages"
_CLASS_PATH: Final = "spark.driver.extraClassPath"
_DELTA_SETTINGS: Final = {
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": DELTA_CATALOG,
}


@contextmanager
def open_session(
    environment: Environment, *, input_bytes: int | None = None, keep_classes: bool = False
) -> Iterator[SparkSession]:
    """The session of an environment; stopped at the end only if it was started here.

    `input_bytes` says how much is going to be read, None where that is not known. With `keep_classes`, a session
    started here on one machine leaves an archive of Java's classes as it ends, unless there is one, for later ones to
    start from.

    With `spark.master`, a session is started: Delta configured where its package is installed, and tuned
    for one machine where the master is local. Without, it is the session that is there, or where there is none
    Spark's default one, which stays. The environment's own `conf` wins over everything set here.
    What the Java process prints goes to a log file, which is named where that process ends before the session does,
    and in a note of any other unforeseen exception, and removed otherwise.

    Raises:
        UsageError: No environment is given.
        AbsparkError: Java is missing or too old, Spark does not start, or its Java has ended.
    """
    if not isinstance(environment, Environment):
        raise UsageError(
            f"an environment is wanted, and not a {type(environment).__name__}",
            allowed="load_project(conf, env).environment, where env is the name of one",
        )
    wanted = environment.spark
    conf = wanted.conf if wanted else {}
    if wanted is None or wanted.master is None:
        yield from _session_there(_with_conf(SparkSession.builder, conf))
    elif wanted.master.startswith("sc://"):
        session = _with_conf(SparkSession.builder.remote(wanted.master), conf).create()
        try:
            yield session
        finally:
            session.stop()
    elif _running_here():
        yield from _session_there(_with_conf(SparkSession.builder.master(wanted.master), conf))
    else:
        tuned = local_settings(wanted.master, input_bytes)
        yield from _own_session(wanted.master, conf, tuned, keep_classes=keep_classes)


def local_settings(master: str, input_bytes: int | None = None) -> dict[str, str]:
    """Settings that make Spark quick on one machine; none for any other master.

    A run over little data is mostly Java warming up: there a small heap and a quick compiler save half of the time
    and of the memory. Over much data the thorough compiler pays.
    """
    if not _is_local(master):
        return {}
    little = input_bytes is not None and input_bytes < _LITTLE
    return {
        "spark.driver.memory": "2g" if little else f"{_driver_gibibytes()}g",
        JAVA_OPTIONS: f"{_QUICK if little else _THOROUGH} {COMPILE_ALL}",
        "spark.driver.host": "localhost",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.log.level": "WARN",
        # each column made in Python would tell Java its line: over half of all calls while a query is built
        "spark.python.sql.dataFrameDebugging.enabled": "false",
        "spark.databricks.delta.snapshotPartitions": "1",
        # Spark remembers the plans and metrics of a thousand queries, 1.4 MiB a run; nobody looks at them here
        "spark.sql.ui.retainedExecutions": "50",
        # a run has Spark generate some 260 classes; of those beyond the hundred that it keeps the next run in the
        # session would find none, and Java would begin with its interpreter again
        "spark.sql.codegen.cache.maxEntries": "500",
        **(_few_rows() if little else _many_rows(input_bytes)),
    }


def _few_rows() -> dict[str, str]:
    """To plan once costs less than to plan after each stage, and to read files less than to choose among them."""
    return {
        "spark.sql.shuffle.partitions": str(_cores()),
        "spark.sql.adaptive.enabled": "false",
        "spark.databricks.delta.stats.skipping": "false",
        "spark.buffer.pageSize": _PAGE_OF_FEW_ROWS,
    }


def _many_rows(input_bytes: int | None) -> dict[str, str]:
    """Partitions small enough to sort and to group near the processor: about 300,000 events each.

    Adaptive execution merges those that turn out smaller. Spark opens a file for each pair of partitions of two stages
    unless there are too many of them: from some dozens on, that would cost more than all else.
    """
    partitions = _UNKNOWN if input_bytes is None else input_bytes // _PER_PARTITION
    return {
        "spark.sql.shuffle.partitions": str(min(max(8, 4 * _cores(), partitions), _MOST_PARTITIONS)),
        "spark.sql.adaptive.advisoryPartitionSizeInBytes": "8m",
        # of a log in three parts, two cores read two, and then one of them the third
        "spark.sql.files.minPartitionNum": str(2 * _cores()),
        **_writing(),
        "spark.shuffle.sort.bypassMergeThreshold": "64",
        "spark.buffer.pageSize": _PAGE,
        # a day series of metrics with covariates has more columns than the hundred up to which Spark compiles a stage
        "spark.sql.codegen.maxFields": "200",
    }


def _writing() -> dict[str, str]:
    """What makes millions of assignments quick to write.

    All rows of a run go to one partition of the table, by which Spark would sort them if it had to write one file after
    the other. Columns of too many values for a dictionary get none, and instants are longs: by itself Spark writes 12
    bytes for each, which it looks up in a dictionary as well.
    """
    unlike = ("unit_id", "unit_key_hi", "unit_key_lo", "first_exposure_at")
    return {
        "spark.sql.maxConcurrentOutputFileWriters": "4",
        "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
        **{f"spark.hadoop.parquet.enable.dictionary#{column}": "false" for column in unlike},
    }


def _cores() -> int:
    return os.cpu_count() or 1


def _session_there(builder: SparkSession.Builder) -> Iterator[SparkSession]:
    session = builder.getOrCreate()
    broken_connections_untold()
    with end_of_java_told(session):
        yield session


def _own_session(
    master: str, conf: Mapping[str, str], tuned: dict[str, str], *, keep_classes: bool
) -> Iterator[SparkSession]:
    require_java()
    handle, log = tempfile.mkstemp(prefix="abspark-spark-", suffix=".log")
    os.close(handle)
    if keep_classes and _PACKAGES in _delta_settings(master, conf):
        _started(master, conf, log).stop()  # looks up where Delta's jars are: an archive is of a class path
        _end_java()
    delta = _delta_settings(master, conf)
    archive = None
    if JAVA_OPTIONS in tuned and _CLASS_PATH in delta:
        archive = archive_to_make(delta[_CLASS_PATH]) if keep_classes else None
        classes = archive.option if archive else archive_option(delta[_CLASS_PATH])
        tuned[JAVA_OPTIONS] = f"{tuned[JAVA_OPTIONS]} {classes}".strip()
    session = _started(master, {**tuned, **conf}, log)
    interrupt_plainly()
    broken_connections_untold()
    try:
        yield session
    except AbsparkError:
        raise
    except Exception as error:
        kept, log = log, ""
        if java_has_ended(session):
            raise java_ended(kept) from error
        error.add_note(f"What Spark's Java process said is in {kept}")
        raise
    finally:
        _end(session, archive)
        if log:
            Path(log).unlink(missing_ok=True)


def _end(session: SparkSession, archive: ArchiveBeingMade | None) -> None:
    if java_has_ended(session):
        let_go(session)
        return
    session.stop()
    if archive is not None:
        _end_java()
        archive.keep()


def _started(master: str, conf: Mapping[str, str], log: str) -> SparkSession:
    delta = _delta_settings(master, conf)
    builder = _with_conf(SparkSession.builder.appName("abspark").master(master), {**delta, **conf})
    try:
        with _output_to(log):
            session = builder.getOrCreate()
    except Exception as error:  # pyspark's traceback says less than Java's own words
        raise old_java_error() or _start_error(error, Path(log)) from None
    if (packages := delta.get(_PACKAGES)) is not None:
        remember_jars(packages, session.sparkContext.getConf().get("spark.jars", ""), _jars_of_spark())
    return session


def _end_java() -> None:
    """End the Java process of a session that has been stopped; the next session starts another."""
    from pyspark import SparkContext

    gateway: Any = SparkContext._gateway
    SparkContext._gateway = SparkContext._jvm = None
    with suppress(OSError, TimeoutExpired):
        gateway.shutdown()
        gateway.proc.stdin.close()
        gateway.proc.wait(_LAST_WORDS)


def _start_error(error: Exception, log: Path) -> AbsparkError:
    said = log.read_text(errors="replace")
    if "unresolved dependenc" in said.lower():
        return AbsparkError(
            "Spark did not start: the jars of Delta could not be fetched.",
            advice="connect this machine to Maven Central once, or name local jars as spark.jars in the "
            f"environment's spark.conf; Spark's own words are in {log}",
        )
    wrong = [line for line in said.splitlines() if "Exception" in line or "Error" in line]
    reason = wrong[-1].strip()[:300] if wrong else first_line(error)
    return AbsparkError(
        f"Spark did not start: {reason}", advice=f"see {log} and the environment's spark.conf"
    )


def _delta_settings(master: str, conf: Mapping[str, str]) -> dict[str, str]:
    """Delta, where its package is installed; its jars are looked up unless the conf says where jars come from.

    On one machine those that are known go on the class path; a cluster gets the package, for its executors.
    """
    if find_spec("delta") is None:
        return {}
    if _PACKAGES in conf or "spark.jars" in conf:
        return _DELTA_SETTINGS
    from delta import configure_spark_with_delta_pip

    builder = configure_spark_with_delta_pip(SparkSession.Builder())
    packages: str = builder._options[_PACKAGES]
    jars = known_jars(packages) if _is_local(master) and _CLASS_PATH not in conf else None
    return {**_DELTA_SETTINGS, **({_PACKAGES: packages} if jars is None else {_CLASS_PATH: class_path(jars)})}


def _jars_of_spark() -> Path:
    import pyspark

    home = os.environ.get("SPARK_HOME")
    return Path(home or pyspark.__path__[0]) / "jars"


def _is_local(master: str) -> bool:
    return master == "local" or master.startswith("local[")


def _with_conf(builder: SparkSession.Builder, conf: Mapping[str, str]) -> SparkSession.Builder:
    for key, value in conf.items():
        builder = builder.config(key, value)
    return builder


def _running_here() -> bool:
    """Whether this process has a Java or session already: by spark-submit, a notebook or an earlier call."""
    return "PYSPARK_GATEWAY_PORT" in os.environ or SparkSession.getActiveSession() is not None


def _driver_gibibytes() -> int:
    """Half of what this machine (or container) has, between 1 and 12."""
    try:
        have = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        have = 8 * _GIBIBYTE
    limit = Path("/sys/fs/cgroup/memory.max")
    said = limit.read_text().strip() if limit.is_file() else "max"
    if said.isdigit():
        have = min(have, int(said))
    return max(1, min(12, have // 2 // _GIBIBYTE))


@contextmanager
def _output_to(log: str) -> Iterator[None]:
    """Let processes started within it write to the log: Java's and Ivy's words are not for the terminal."""
    sys.stdout.flush()
    sys.stderr.flush()
    kept = os.dup(1), os.dup(2)
    with open(log, "ab") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    try:
        yield
    finally:
        for number, old in enumerate(kept, start=1):
            os.dup2(old, number)
            os.close(old)
