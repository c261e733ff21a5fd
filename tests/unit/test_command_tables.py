"""Which experiments the commands show: a lake may hold more than are configured, and fewer."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from report_rows import MADE_AT, check, drop, result

from abspark.cli import cli, invoke
from abspark.config.starter import write_starter

CONFIGURED = "checkout_button"


def write_lake(root: Path, heads: dict[str, str], tables: dict[str, list[dict[str, Any]]]) -> None:
    """A Parquet lake of which the run of each experiment is committed."""
    root.mkdir(parents=True)
    switch = {
        name: {"run_id": run, "previous_run_id": None, "committed_at": MADE_AT.isoformat()}
        for name, run in heads.items()
    }
    (root / "commits.json").write_text(json.dumps(switch))
    for table, rows in tables.items():
        for run in {row["run_id"] for row in rows}:
            folder = root / table / f"run_id={run}"
            folder.mkdir(parents=True)
            mine = [{k: v for k, v in row.items() if k != "run_id"} for row in rows if row["run_id"] == run]
            pq.write_table(pa.Table.from_pylist(mine), folder / "part-0.parquet")


class Commands:
    """A project of one experiment with a lake, and what its commands say."""

    def __init__(self, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
        write_starter(root)
        self.root = root
        self._capsys = capsys
        (root / "conf" / "environments" / "here.yaml").write_text("lake: {path: ./lake, format: parquet}\n")

    def have(self, **heads: str) -> None:
        """Let the experiments have committed runs, each with a check, which fails unless it is configured."""
        checks = [
            check("srm", "pass" if name == CONFIGURED else "fail", experiment_id=name, run_id=run)
            for name, run in heads.items()
        ]
        drops = [
            drop("events", "no_metric", len(run), experiment_id="*", run_id=run)
            for run in sorted(set(heads.values()))
        ]
        write_lake(self.root / "lake", heads, {"health": checks, "drops": drops})

    def say(self, *arguments: str) -> tuple[int, Any, str]:
        """Exit code, rows and what stderr says."""
        command, *more = arguments
        asked = [command, "--conf", str(self.root / "conf"), "--env", "here", "--format", "json", *more]
        code = invoke(cli, asked)
        told = self._capsys.readouterr()
        rows = json.loads(told.out) if told.out else None
        return code, rows and [(row["experiment_id"], row["run_id"]) for row in rows], told.err


@pytest.fixture
def commands(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Commands:
    return Commands(tmp_path, capsys)


def test_what_is_not_configured_is_left_out_and_named(commands: Commands) -> None:
    commands.have(**{CONFIGURED: "r2", "gone": "r1", "another": "r2"})
    told = "not configured, so shown with --experiment alone: another, gone\n"
    assert commands.say("health", "--fail-on-health") == (0, [(CONFIGURED, "r2")], told)
    assert commands.say("drops") == (0, [("*", "r2")], told)


def test_what_is_not_configured_is_shown_by_name(commands: Commands) -> None:
    commands.have(**{CONFIGURED: "r2", "gone": "r1"})
    assert commands.say("health", "--experiment", "gone") == (0, [("gone", "r1")], "")
    assert commands.say("drops", "--experiment", "gone") == (0, [("*", "r1")], "")
    code, rows, told = commands.say("health", "--experiment", "gone", "--fail-on-health")
    assert (code, rows) == (4, [("gone", "r1")])
    assert told == "error: 1 health checks failed:\n  gone: srm: srm says fail.\n  do: abspark health\n"


def test_of_many_that_are_not_configured_five_are_named(commands: Commands) -> None:
    commands.have(**{CONFIGURED: "r1"} | {f"e{place}": "r1" for place in range(8)})
    told = "not configured, so shown with --experiment alone: e0, e1, e2, e3, e4, 3 more\n"
    assert commands.say("health") == (0, [(CONFIGURED, "r1")], told)


def test_where_only_others_have_committed_there_is_nothing_to_check(commands: Commands) -> None:
    commands.have(gone="r1")
    code, rows, told = commands.say("health", "--fail-on-health")
    assert (code, rows) == (4, [])
    assert told == (
        "not configured, so shown with --experiment alone: gone\n"
        "error: there is nothing to check: no run has committed a configured experiment\n  do: abspark run\n"
    )


def test_who_is_neither_configured_nor_in_the_lake_is_unknown(commands: Commands) -> None:
    commands.have(gone="r1")
    code, rows, told = commands.say("health", "--experiment", "gone", "--experiment", "nope")
    assert (code, rows) == (2, None)
    assert told == f"error: no experiment 'nope'\n  allowed: {CONFIGURED}, gone\n"
    code, rows, told = commands.say("health", "--experiment", CONFIGURED)
    assert (code, rows) == (2, None)
    assert told.startswith(f"error: there are no results of {CONFIGURED} yet: no run has committed any\n")


@pytest.mark.parametrize("command", ["results", "health", "report"])
def test_rows_that_a_copy_of_a_lake_has_lost_are_told(
    commands: Commands, command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    commands.have(gone="r1", **{CONFIGURED: "r2"})
    table = "health" if command == "health" else "results"
    if table == "results":
        write_lake(tmp_path / "others", {}, {table: [{"run_id": "r1", "experiment_id": "gone"}]})
        (tmp_path / "others" / table).rename(tmp_path / "lake" / table)
    else:
        (tmp_path / "lake" / table / "run_id=r2" / "part-0.parquet").unlink()
    asked = [command, "--conf", str(tmp_path / "conf"), "--env", "here", "--experiment", CONFIGURED]
    assert invoke(cli, asked) == 1
    said = f"is not whole: run r2 is committed, but the table {table} has no rows of {CONFIGURED}"
    assert said in capsys.readouterr().err


def test_a_lake_that_lost_the_records_of_its_runs_has_not_had_none(
    commands: Commands, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["runs", "--conf", str(tmp_path / "conf"), "--env", "here"]
    assert invoke(cli, asked) == 0
    assert capsys.readouterr().err.startswith("nothing to show yet")
    commands.have(**{CONFIGURED: "r2"})
    assert invoke(cli, asked) == 1
    said = "is not whole: run r2 is committed, but the table runs has no record of it"
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("command", ["drops", "report"])
def test_a_lake_that_lost_its_drops_has_not_kept_every_row(
    commands: Commands, command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Another run's row is not this run's, another experiment's is; a run that kept every row it read has none."""
    commands.have(gone="r1", whole="r3", silent="r4", **{CONFIGURED: "r2"})
    others = [drop("exposures", "bot", 1, experiment_id="of_the_same_run", run_id="r4")]
    (tmp_path / "lake" / "drops" / "run_id=r4" / "part-0.parquet").unlink()
    write_lake(tmp_path / "of_r4", {}, {"drops": others})
    (tmp_path / "of_r4" / "drops" / "run_id=r4").rename(tmp_path / "lake" / "drops" / "run_id=r4")
    records = [
        {
            "run_id": run,
            "recorded_at": MADE_AT,
            "finished_at": MADE_AT,
            "inputs": [{"source": "raw_events", "rows": 5, "kept": kept}],
        }
        for run, kept in (("r1", 3), ("r2", 3), ("r3", 5), ("r4", 3))
    ]
    more = {"runs": records, "results": [result(run_id="r2", experiment_id=CONFIGURED)]}
    write_lake(tmp_path / "others", {}, more)
    for table in more:
        (tmp_path / "others" / table).rename(tmp_path / "lake" / table)
    for run in ("r2", "r3"):
        (tmp_path / "lake" / "drops" / f"run_id={run}" / "part-0.parquet").unlink()
    said = "is not whole: run r2 is committed, but the table drops does not say why 2 rows of raw_events do not count"
    asked = [command, "--conf", str(tmp_path / "conf"), "--env", "here", "--experiment"]
    assert invoke(cli, [*asked, CONFIGURED]) == 1
    assert said in capsys.readouterr().err
    if command == "drops":
        assert commands.say("drops", "--experiment", "gone") == (0, [("*", "r1")], "")
        assert commands.say("drops", "--experiment", "whole", "--experiment", "silent") == (0, [], "")


@pytest.mark.parametrize("command", ["report", "results"])
def test_a_lake_that_lost_its_looks_has_not_had_none(
    commands: Commands, command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A boundary of an anytime test is no sign of a look, nor is a group sequential one's day without one."""
    commands.have(**{CONFIGURED: "r2"})
    sequential = {
        "method": "group_sequential",
        "alpha_spent": 0.01,
        "run_id": "r2",
        "experiment_id": CONFIGURED,
    }
    for given, exit_code in (
        ({"method": "anytime", "boundary": 2.0}, 0),
        ({"boundary": None}, 0),
        ({"boundary": 2.0}, 1),
    ):
        decision = {"run_id": "r2", "experiment_id": CONFIGURED, "decision": "ship", "reasons": ["because"]}
        record = {"run_id": "r2", "recorded_at": MADE_AT, "finished_at": MADE_AT, "started_at": MADE_AT}
        tables = {"results": [result(**(sequential | given))], "decisions": [decision], "runs": [record]}
        for table, rows in tables.items():
            shutil.rmtree(tmp_path / "lake" / table, ignore_errors=True)
            write_lake(tmp_path / table, {}, {table: rows})
            shutil.move(tmp_path / table / table, tmp_path / "lake" / table)
            shutil.rmtree(tmp_path / table)
        asked = [command, "--conf", str(tmp_path / "conf"), "--env", "here", "--experiment", CONFIGURED]
        asked += ["--out", str(tmp_path / "page.html")] if command == "report" else []
        assert invoke(cli, asked) == exit_code
        said = f"run r2 is committed, but the table looks has no rows of {CONFIGURED}, whose results are of looks"
        assert (said in capsys.readouterr().err) == bool(exit_code)
