"""Which experiments a command is about: those named, else all but drafts."""

from __future__ import annotations

import pytest
from conf_directory import BUTTON, EXPERIMENT, Conf

from abspark.config import Project, chosen_experiments
from abspark.errors import UsageError


@pytest.fixture
def project(conf: Conf) -> Project:
    """An experiment of each status, named by it."""
    (conf.directory / BUTTON).unlink()
    for status in ("draft", "running", "paused", "completed"):
        text = EXPERIMENT.replace("id: button", f"id: {status}\nstatus: {status}")
        conf.write(f"experiments/{status}.yaml", text)
    return conf.load()


def test_without_names_all_but_drafts_are_chosen(project: Project) -> None:
    assert set(chosen_experiments(project, [])) == {"running", "paused", "completed"}


def test_those_named_are_chosen_alone_drafts_too(project: Project) -> None:
    assert chosen_experiments(project, ["draft"]) == ("draft",)
    assert set(chosen_experiments(project, ["draft", "paused"])) == {"draft", "paused"}


def test_a_text_is_one_name(project: Project) -> None:
    assert chosen_experiments(project, "paused") == ("paused",)
    with pytest.raises(UsageError, match="no experiment 'paused, draft'\n  allowed: completed, draft"):
        chosen_experiments(project, "paused, draft")


def test_an_unknown_name_is_refused_beside_known_ones(project: Project) -> None:
    with pytest.raises(UsageError, match="no experiment 'x'\n  allowed: completed, draft, paused, running"):
        chosen_experiments(project, ["draft", "x"])
