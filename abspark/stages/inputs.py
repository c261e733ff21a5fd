"""The sources of a run: pinned once, read as pinned ever after."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from pyspark.sql import DataFrame

from abspark.assignment.compiled import overrides_source
from abspark.config import Experiment, ExposureSource, Source
from abspark.errors import AbsparkError, DataError
from abspark.pipeline.canonical import canonical
from abspark.pipeline.forced import require_hashable
from abspark.pipeline.study import sources_of
from abspark.stages.expressions import require_evaluable
from abspark.stages.state import Input, RunState
from abspark.storage import (
    as_data_error,
    as_fault_of,
    fixed_columns,
    pin,
    pin_again,
    read,
    require_columns,
    require_one_type,
    require_open_columns,
    told_by_us,
    written_over,
)


def source_of(state: RunState, name: str) -> Source:
    """The source of that name, of any kind."""
    project = state.project
    return project.exposures.get(name) or project.dimensions.get(name) or project.events[name]


def experiments_of(state: RunState, name: str) -> tuple[Experiment, ...]:
    """The running experiments that need a source."""
    return tuple(e for e in state.running if name in _needed(state, e))


def pin_all(state: RunState) -> None:
    """Pin every source, check its columns and what is said of them; experiments for which that fails leave the run.

    Raises:
        DataError: No experiment is left.
    """
    for name in dict.fromkeys(name for e in state.running for name in _needed(state, e)):
        with failing(state, name), told_by_us():
            source = source_of(state, name)
            pinned = pin(state.spark, source)
            state.inputs[name] = Input(pinned)
            if pinned.note is not None:
                state.progress.say(f"  {name}: {pinned.note}")
            rows = raw(state, name)
            require_columns(source, rows)
            require_open_columns(state.spark, source, pinned)
            require_one_type(state.spark, source, pinned, rows.schema)
            require_evaluable(state, source, canonical(rows, source), experiments_of(state, name))
            if isinstance(source, ExposureSource):
                require_hashable(
                    rows, source, [e for e in experiments_of(state, name) if e.exposures == name]
                )


def pin_all_again(state: RunState) -> None:
    """Restore the pins of a run that another process began, of sources that its running experiments need.

    Raises:
        DataError: Files have changed since, or a Delta table has been made again; its pinned version stays readable
            whatever else happens to it.
    """
    needed = {name: found for name, found in state.inputs.items() if experiments_of(state, name)}
    for name, found in needed.items():
        pinned = pin_again(state.spark, source_of(state, name), found.pinned)
        if pinned is None:
            place, version = found.pinned.location, found.pinned.version
            since = f"since run {state.run_id} began"
            raise DataError(
                f"source {name}: the files at {place} have changed {since}"
                if version is None
                else f"source {name}: the table {place} has been made again {since}, which read its version {version}",
                advice="begin a new run",
            )
        found.pinned = pinned


@contextmanager
def pins_looked_at_beside(state: RunState) -> Iterator[None]:
    """Within it the sources, all read by now, are looked at again; of what was written over no experiment is left.

    Raises:
        DataError: No experiment is left.
    """
    names = [name for name in state.inputs if experiments_of(state, name)]
    looks = [(name, state.aside.ask(partial(_written_over, state, name))) for name in names]
    yield
    for name, look in looks:
        with failing(state, name):
            if (place := look.result()) is not None:
                raise DataError(
                    f"source {name}: {place} was written over while run {state.run_id} read it",
                    advice="run again; a file that is still being written belongs elsewhere until it is complete",
                )


def _written_over(state: RunState, name: str) -> str | None:
    return written_over(state.spark, source_of(state, name), state.inputs[name].pinned)


def raw(state: RunState, name: str) -> DataFrame:
    """The raw rows of a pinned source."""
    source, found = source_of(state, name), state.inputs[name]
    found.pinned = fixed_columns(state.spark, source, found.pinned)
    return read(state.spark, source, found.pinned)


@contextmanager
def failing(state: RunState, name: str) -> Iterator[None]:
    """Within it, a fault of a source takes the experiments that need it out of the run, and the others go on."""
    try:
        yield
    except AbsparkError as error:
        state.fail(experiments_of(state, name), error)
    except Exception as error:
        pinned = [state.inputs[name].pinned] if name in state.inputs else []
        known = as_data_error(error, pinned) or as_fault_of(name, error)
        if known is None:
            raise
        state.fail(experiments_of(state, name), known)


@contextmanager
def explained(state: RunState) -> Iterator[None]:
    """Within it, Spark's errors about data and disks are raised as ours."""
    try:
        yield
    except AbsparkError:
        raise
    except Exception as error:
        raise as_data_error(error, [found.pinned for found in state.inputs.values()]) or error from error


def _needed(state: RunState, experiment: Experiment) -> tuple[str, ...]:
    events = sources_of(experiment, state.project.metrics)
    forced = overrides_source(experiment)
    dimensions = state.project.exposures[experiment.exposures].dimensions
    given = () if forced is None else (forced,)
    return tuple(dict.fromkeys((experiment.exposures, *dimensions, *given, *events)))
