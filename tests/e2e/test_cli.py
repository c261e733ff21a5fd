from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path

import pytest
from committed_tables import committed, heads
from project_builder import AS_OF, TinyProject, make_project
from pyspark.sql import SparkSession

from abspark.cli import cli, invoke
from abspark.schemas import TABLES

pytestmark = pytest.mark.e2e

COMMANDS = (
    "validate", "run", "results", "health", "drops", "runs", "prune", "simulate", "demo", "init", "schema", "assign",
    "power", "report", "compare",
)  # fmt: skip


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of a command."""
    capsys.readouterr()
    code = invoke(cli, list(arguments))
    output = capsys.readouterr()
    return code, output.out, output.err


@pytest.fixture
def tell(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    return lambda *arguments: said(capsys, *arguments)


Tell = Callable[..., tuple[int, str, str]]


def test_help_lists_every_command(tell: Tell) -> None:
    code, out, err = tell("--help")
    assert (code, err) == (0, "")
    listed = [line.split()[0] for line in out.partition("Commands:")[2].splitlines() if line.strip()]
    assert sorted(listed) == sorted(COMMANDS)
    for command in COMMANDS:
        assert tell(command, "--help")[0] == 0


def test_version(tell: Tell) -> None:
    code, out, _ = tell("--version")
    assert code == 0
    assert version("abspark") in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Usage: "),
        (["analyse"], "No such command 'analyse'"),
        (["run", "--conf", "conf"], "Missing option '--env'"),
        (["run", "--env", "x", "--as-of", "yesterday"], "'yesterday' is no ISO 8601 time"),
        (
            ["run", "--env", "x", "--as-of", "2026-04-01T00:00:00"],
            "states no offset; write e.g. 2026-04-01T00:00:00Z",
        ),
        (
            ["results", "--env", "x", "--format", "xml"],
            "'xml' is not one of 'table', 'json', 'csv', 'markdown'",
        ),
        (["results", "--env", "x", "--conf", "/nowhere"], "no configuration directory /nowhere"),
        (["prune", "--env", "x", "--keep", "two"], "'two' is not a valid integer"),
    ],
)
def test_usage_faults_are_exit_2_on_stderr(tell: Tell, arguments: Sequence[str], message: str) -> None:
    code, out, err = tell(*arguments)
    assert (code, out) == (2, "")
    assert message in err
    assert "Traceback" not in err


def test_init_writes_a_project_that_validates(tell: Tell, tmp_path: Path) -> None:
    new = tmp_path / "new"
    assert tell("init", str(new)) == (
        0,
        f"written to {new}; next: abspark validate --conf {new / 'conf'}\n",
        "",
    )
    code, out, err = tell("validate", "--conf", str(new / "conf"))
    assert (code, err) == (0, "")
    assert out.endswith("1 experiment, 3 metrics, 1 exposure source and 1 event source: no faults\n")
    code, _, err = tell("init", str(new))
    assert code == 2
    assert "already there: " in err


def test_schema_writes_a_schema_per_folder(tell: Tell, tmp_path: Path) -> None:
    assert tell("schema", "--out", str(tmp_path)) == (0, f"written to {tmp_path}\n", "")
    schemas = {path.name: json.loads(path.read_text()) for path in tmp_path.glob("*.schema.json")}
    assert {"sources.schema.json", "metrics.schema.json", "experiments.schema.json"} <= schemas.keys()
    assert all(schema["$schema"].startswith("https://json-schema.org/") for schema in schemas.values())


def test_validate_starts_no_java(tmp_path: Path) -> None:
    tiny = make_project(tmp_path)
    program = Path(sys.executable).parent / "abspark"
    ended = subprocess.run(
        [str(program), "validate", "--conf", str(tiny.conf), "--env", "own"],
        capture_output=True,
        text=True,
        env={"PATH": str(tmp_path), "HOME": str(tmp_path)},
        timeout=60,
        check=False,
    )
    told = f"{tiny.conf}: 2 experiments, 3 metrics, 1 exposure source and 2 event sources: no faults\n"
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, told, "")


def test_validate_loads_nothing_that_takes_long(tmp_path: Path) -> None:
    code = (
        "import sys; from abspark.cli import cli, invoke; assert invoke(cli, sys.argv[1:]) == 0;"
        "heavy = {'numpy', 'scipy', 'pyspark', 'pyarrow', 'deltalake'} & set(sys.modules); assert not heavy, heavy"
    )
    asked = ["validate", "--conf", str(make_project(tmp_path).conf), "--env", "own"]
    subprocess.run([sys.executable, "-c", code, *asked], check=True, stdout=subprocess.DEVNULL, timeout=60)


def test_validate_tells_all_faults_at_once(tell: Tell, tmp_path: Path) -> None:
    tiny = make_project(tmp_path)
    tiny.edit("experiments/button.yaml", "weight: 0.5}]", "weight: 0.49}]")
    tiny.edit("metrics/tiny.yaml", "source: visits", "source: visit")
    code, out, err = tell("validate", "--conf", str(tiny.conf))
    assert (code, out) == (2, "")
    assert "2 faults in the configuration:" in err
    assert f"{tiny.conf}/experiments/button.yaml:2: variants" in err
    assert f"{tiny.conf}/metrics/tiny.yaml:4: metrics[2].source = visit" in err


@pytest.fixture(scope="module")
def analysed(
    spark: SparkSession, tmp_path_factory: pytest.TempPathFactory
) -> tuple[TinyProject, tuple[int, str, str]]:
    """A project whose `banner` has another split than it was assigned with, and what its run said on both streams."""
    tiny = make_project(tmp_path_factory.mktemp("analysed"), "parquet")
    tiny.edit("experiments/banner.yaml", "small, weight: 0.25", "small, weight: 0.05")
    tiny.edit("experiments/banner.yaml", "control, weight: 0.5", "control, weight: 0.7")
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdout", out)
        patch.setattr(sys, "stderr", err)
        code = invoke(cli, tiny.command("run", "--as-of", AS_OF, "--quiet", "--fail-on-health"))
    assert set(heads(spark, tiny.load())) == {"banner", "button"}
    return tiny, (code, out.getvalue(), err.getvalue())


WORST = ["fail", "warn", "skipped", "pass"]
Analysed = tuple[TinyProject, tuple[int, str, str]]


@pytest.mark.spark
def test_fail_on_health_is_exit_4_and_the_run_stays_committed(
    spark: SparkSession, analysed: Analysed
) -> None:
    tiny, (code, out, err) = analysed
    rows = committed(spark, tiny.load(), names=["health"])["health"]
    failed = [(row["experiment_id"], row["check"]) for row in rows if row["status"] == "fail"]
    assert {("banner", "hash"), ("banner", "srm"), ("banner", "srm_after_exclusions")} <= set(failed)
    assert (code, out) == (4, "")
    first, second, *told, last = err.splitlines()
    assert first.startswith("run ")
    assert first.endswith(" committed: banner, button")
    assert second == f"error: {len(failed)} health checks failed:"
    assert [tuple(line.strip().split(": ")[:2]) for line in told] == failed
    assert last == "  do: abspark health"


@pytest.mark.spark
def test_health_shows_the_worst_first_and_may_fail_on_it(tell: Tell, analysed: Analysed) -> None:
    code, out, err = tell(*analysed[0].command("health", "--experiment", "banner", "--fail-on-health"))
    assert code == 4
    assert err.startswith("error: ")
    assert err.endswith("  do: abspark health\n")
    cells = [line.split() for line in out.splitlines()]
    statuses = [words[1] for words in cells if len(words) > 1 and words[1] in WORST]
    assert statuses == sorted(statuses, key=WORST.index)
    assert statuses[0] == "fail"
    assert "→" in out.split(" warn ")[0], "what failed comes with advice"
    assert tell(*analysed[0].command("health", "--experiment", "banner"))[0] == 0


@pytest.mark.spark
@pytest.mark.parametrize("table", ["results", "health", "drops", "runs"])
def test_json_is_all_there_is_on_stdout(tell: Tell, analysed: Analysed, table: str) -> None:
    code, out, err = tell(*analysed[0].command(table, "--format", "json"))
    assert (code, err) == (0, "")
    rows = json.loads(out)
    assert rows
    assert all(tuple(row) == TABLES[table].names for row in rows)


@pytest.mark.spark
@pytest.mark.parametrize("table", ["results", "health", "drops", "runs"])
def test_csv_has_the_tables_columns_as_header(tell: Tell, analysed: Analysed, table: str) -> None:
    code, out, err = tell(*analysed[0].command(table, "--format", "csv"))
    assert (code, err) == (0, "")
    header, *rows = csv.reader(io.StringIO(out))
    assert tuple(header) == TABLES[table].names
    assert rows
    assert {len(row) for row in rows} == {len(header)}


@pytest.mark.spark
def test_tables_for_people(tell: Tell, analysed: Analysed) -> None:
    code, out, err = tell(*analysed[0].command("results", "--experiment", "button"))
    assert (code, err) == (0, "")
    assert "button: treatment against control" in out
    assert "banner" not in out
    assert "srm_after_exclusions" in tell(*analysed[0].command("health"))[1]
    assert "multiple_variants" in tell(*analysed[0].command("drops"))[1]
    assert "committed" in tell(*analysed[0].command("runs"))[1]


@pytest.mark.spark
def test_one_experiment_only(tell: Tell, analysed: Analysed) -> None:
    _, out, _ = tell(*analysed[0].command("health", "--experiment", "button", "--format", "json"))
    assert {row["experiment_id"] for row in json.loads(out)} == {"button"}


def test_what_is_out_of_range_starts_no_session(
    tell: Tell, analysed: Analysed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for opener in ("abspark.cli.session", "abspark.command_simulate.local_session"):
        monkeypatch.setattr(opener, None)
    code, _, err = tell(*analysed[0].command("prune", "--keep", "0"))
    assert (code, err.splitlines()[-1]) == (2, "  allowed: 1 or more")
    code, _, err = tell("demo", "--units", "0", "--out", str(tmp_path / "demo"))
    assert code == 2
    assert "units" in err
    assert not (tmp_path / "demo").exists()


def test_debug_shows_the_traceback(analysed: Analysed) -> None:
    for arguments in (["--debug", *analysed[0].command("prune", "--keep", "0")],
                      analysed[0].command("prune", "--keep", "0", "--debug")):  # fmt: skip
        with pytest.raises(Exception, match="keep = 0") as told:
            invoke(cli, arguments)
        assert type(told.value).__name__ == "UsageError"


def test_unforeseen_errors_take_one_screen(
    tell: Tell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("the first line\nthe second")

    monkeypatch.setattr("abspark.config.json_schema.write_schemas", broken)
    assert tell("schema", "--out", str(tmp_path)) == (
        1,
        "",
        "error: RuntimeError: the first line\n  do: run again with --debug for the traceback\n",
    )


def test_a_command_that_needs_spark_says_what_is_missing(tmp_path: Path) -> None:
    """With an environment that starts its own session, and no Java anywhere."""
    tiny = make_project(tmp_path)
    ended = subprocess.run(
        [str(Path(sys.executable).parent / "abspark"), *tiny.command("prune", env="own")],
        capture_output=True,
        text=True,
        env={**{k: v for k, v in os.environ.items() if k != "JAVA_HOME"}, "PATH": str(tmp_path)},
        timeout=120,
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith(
        "error: Spark needs Java, and there is no java on PATH.\n  allowed: Java 17"
    )
