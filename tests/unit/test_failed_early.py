"""That an experiment has left a run is told at once, and not after hours of the others' work."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from abspark.errors import DataError
from abspark.progress import Progress
from abspark.stages.state import RUNNING, RunState

NOTHING: Any = None
NOW = datetime(2026, 10, 1, tzinfo=UTC)


def a_run(*names: str) -> tuple[RunState, io.StringIO]:
    experiments = {name: SimpleNamespace(id=name) for name in names}
    project: Any = SimpleNamespace(experiments=experiments)
    told = io.StringIO()
    running = dict.fromkeys(names, RUNNING)
    return RunState("run", NOTHING, project, NOTHING, NOW, NOW, running, {}, Progress(told)), told


def test_a_failure_is_told_at_once() -> None:
    state, told = a_run("banner", "button", "price")
    state.fail(state.running[:2], DataError("source web names 1 column not there:\n    columns.unit: buyer"))
    assert told.getvalue() == (
        "  banner, button: failed, the others go on: source web names 1 column not there:\n"
        "      columns.unit: buyer\n"
    )


def test_an_error_is_told_once_of_all_that_it_took() -> None:
    state, _ = a_run("banner", "button", "price")
    state.fail(state.running[:2], DataError("source web: no files"))
    with pytest.raises(DataError) as told:
        state.fail(state.running, DataError("source shop: no files"))
    assert str(told.value) == (
        "all experiments failed:\nbanner, button: source web: no files\nprice: source shop: no files"
    )


def test_of_the_last_the_error_tells() -> None:
    state, told = a_run("banner")
    with pytest.raises(DataError):
        state.fail(state.running, DataError("source web: no files"))
    assert told.getvalue() == ""
