"""What the jobs of single stages look at before Spark starts."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import pytest

import jobs.assignments
from abspark.config.starter import write_starter
from abspark.errors import UsageError
from jobs.common import opened


@pytest.fixture
def conf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose experiment is a draft; no session starts."""
    monkeypatch.setattr("jobs.common.session", lambda *_, **__: nullcontext())
    write_starter(tmp_path / "new")
    for file in (tmp_path / "new" / "conf" / "experiments").glob("*.yaml"):
        file.write_text(file.read_text().replace("status: running", "status: draft"))
    return tmp_path / "new" / "conf"


def test_an_experiment_that_is_not_there_starts_no_session(
    conf: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("jobs.common.session", None)
    with pytest.raises(SystemExit) as ended:
        jobs.assignments.main(["--conf", str(conf), "--env", "local", "--experiment", "nope"])
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith("error: no experiment 'nope'\n  allowed: ")


def test_only_the_job_that_begins_a_run_is_told_its_experiments(conf: Path) -> None:
    """A draft runs where it is named; the jobs that go on with that run name none."""
    with opened(conf, "local", quiet=True) as (_, project, _):
        assert {experiment.status for experiment in project.experiments.values()} == {"draft"}
    with (
        pytest.raises(UsageError, match=r"^no experiment to run\n"),
        opened(conf, "local", quiet=True, experiments=()),
    ):
        pass
