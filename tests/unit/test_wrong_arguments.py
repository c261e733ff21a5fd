"""What is asked for in the wrong way, from Python or on the command line, is told in our words."""

from __future__ import annotations

import importlib.util
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from abspark import queries, runner
from abspark.cli import cli, invoke
from abspark.config import load_project
from abspark.config.starter import write_starter
from abspark.errors import UsageError
from abspark.storage import Lake, open_session

NOTHING: Any = None


@pytest.mark.parametrize(
    ("as_of", "said"),
    [
        (datetime(2025, 6, 1), "state the time and the offset"),
        ("2025-06-01", "state the time and the offset"),
        ("2025-06-31T00:00:00Z", "is no time of the calendar"),
        ("yesterday", "must be an ISO time with its offset"),
        (date(2025, 6, 1), "must be an ISO time with its offset"),
        (5, "must be an ISO time with its offset"),
    ],
)
def test_as_of_without_an_offset(as_of: Any, said: str) -> None:
    with pytest.raises(
        UsageError, match=f"^as_of = .*: {said}.*\n  allowed: a datetime with tzinfo, or text such as "
    ):
        runner.begin(NOTHING, NOTHING, as_of=as_of)


class _BegunError(Exception):
    """The next thing is looked at."""


@pytest.mark.parametrize(
    "as_of", [datetime(2025, 6, 1, 2, 0, 0, 5, tzinfo=UTC), "2025-06-01T02:00:00+02:00", None]
)
def test_as_of_with_an_offset(as_of: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def chosen(*_: object) -> None:
        raise _BegunError

    monkeypatch.setattr(runner, "chosen_experiments", chosen)
    with pytest.raises(_BegunError):
        runner.begin(NOTHING, NOTHING, as_of=as_of)


def test_a_text_is_one_experiment(monkeypatch: pytest.MonkeyPatch) -> None:
    class Empty:
        def heads(self) -> dict[str, str]:
            return {}

    monkeypatch.setattr(queries, "lake_of", lambda *_: Empty())
    with pytest.raises(UsageError, match=r"^there are no results of exp_1 yet: "):
        queries.rows(NOTHING, NOTHING, "results", experiments="exp_1")


@pytest.mark.parametrize("project", ["trial/conf", Path("trial/conf"), NOTHING])
def test_a_project_is_wanted(project: Any) -> None:
    said = rf"^a project is wanted, and not a {type(project).__name__}\n  allowed: the session, then what load_project"
    with pytest.raises(UsageError, match=said):
        queries.rows(NOTHING, project, "results")
    with pytest.raises(UsageError, match=said):
        runner.begin(NOTHING, project)


@pytest.mark.parametrize(
    "stopped",
    [SimpleNamespace(sparkContext=SimpleNamespace(_jsc=None)), SimpleNamespace(is_stopped=True)],
    ids=["classic", "connect"],
)
def test_a_session_that_was_stopped(stopped: Any, tmp_path: Path) -> None:
    write_starter(tmp_path)
    project = load_project(tmp_path / "conf", "local")
    for ask in (queries.runs, runner.begin, runner.run, runner.prune):
        with pytest.raises(UsageError, match=r"^the Spark session has been stopped\n  do: open another"):
            ask(stopped, project)


@pytest.mark.parametrize("keep", ["3", 2.5, None])
def test_keep_is_a_whole_number(keep: Any) -> None:
    with pytest.raises(
        UsageError, match=r"^keep = .* is no number of runs\n  allowed: a whole number, 1 or more$"
    ):
        Lake.prune(NOTHING, keep)


@pytest.mark.parametrize("command", [["simulate", "--out", "x"], ["demo"]])
def test_without_pyspark_it_is_said_what_to_install(
    command: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda *_: None)
    for module in ("abspark.simulate", "abspark.runner"):
        monkeypatch.setitem(sys.modules, module, None)
    assert invoke(cli, command) == 2
    assert capsys.readouterr().err == (
        "error: this command needs Spark, and pyspark is not installed here\n"
        "  do: on one machine: pip install 'abspark[local]'; on a cluster use spark-submit with jobs/run.py\n"
    )


@pytest.mark.parametrize("command", [["init"], ["schema", "--out"], ["simulate", "--out"], ["demo", "--out"]])
def test_a_folder_that_cannot_be_made(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    folder = tmp_path / "file" / "new"
    assert invoke(cli, [*command, str(folder)]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"error: {folder} can't be written: {folder}")
    assert said.endswith(": Not a directory\n  do: name another folder, or one that may be made\n")


@pytest.mark.parametrize("command", [["init"], ["schema", "--out"], ["simulate", "--out"], ["demo", "--out"]])
def test_an_empty_path_is_no_folder(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert invoke(cli, [*command, ""]) == 2
    assert "an empty path; write . for the current folder" in capsys.readouterr().err


def test_a_session_is_wanted(tmp_path: Path) -> None:
    write_starter(tmp_path)
    project = load_project(tmp_path / "conf", "local")
    asked: list[tuple[Any, Any]] = [(None, project), ("local", project), (project, NOTHING)]
    for given, of in asked:
        for ask in (runner.run, runner.prune):
            with pytest.raises(
                UsageError, match=rf"^a Spark session is wanted, and not a {type(given).__name__}\n"
            ):
                ask(given, of)
    with pytest.raises(UsageError, match=r"^a Spark session is wanted, and not a NoneType\n"):
        queries.rows(NOTHING, project, "results")


@pytest.mark.parametrize("environment", [None, "local"])
def test_an_environment_is_wanted(environment: Any) -> None:
    with (
        pytest.raises(
            UsageError, match=rf"^an environment is wanted, and not a {type(environment).__name__}\n"
        ),
        open_session(environment),
    ):
        pass
