"""The rows of logs, counted for the ledger; a run that does all stages counts them beside its first ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, wait
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from abspark.pipeline.ledger import (
    Drop,
    SourceTally,
    check_read,
    event_drops,
    exposure_drops,
)
from abspark.pipeline.pruning import Condition, prune
from abspark.pipeline.row_counts import event_counts, exposure_counts
from abspark.pipeline.spreading import MANY
from abspark.pipeline.station import counted_conditions, event_rows, exposure_conditions, exposure_rows
from abspark.pipeline.study import Study
from abspark.stages.bots import find_bots
from abspark.stages.inputs import failing, raw
from abspark.stages.state import RunState
from abspark.storage import PinnedSource, bytes_at, cancel_tagged, row_count

Counted = tuple[list[Drop], SourceTally]
_BYTES_OF_A_ROW: Final = 64
"""Of text, at the least."""
_PATIENCE: Final = 0.2
"""Seconds after which jobs are cancelled once more, as those do not hear of it that had not begun."""


@dataclass(frozen=True)
class LogCounts:
    """Counts under way beside the main line: of which experiments, and by source what was counted.

    What fails there is told by whoever asks for it, who knows which experiments it takes out of the run.
    """

    experiments: tuple[str, ...]
    by_source: dict[str, Future[Counted]]


@contextmanager
def logs_counted_beside(state: RunState) -> Iterator[LogCounts]:
    """Within it all logs are counted, those of exposures first; an error ends that, too.

    Raises:
        AbsparkError: No experiment is left once units with too many events have been looked for.
    """
    find_bots(state)
    study = state.study

    def begun(name: str) -> Future[Counted]:
        return state.aside.ask(lambda: _counted(state, study, name, aside=True))

    names = (*exposure_logs(study), *study.sources)
    counts = LogCounts(state.running_ids, {name: begun(name) for name in names})
    try:
        yield counts
    except BaseException:
        _abandon(state, list(counts.by_source.values()))
        raise


def exposure_logs(study: Study) -> tuple[str, ...]:
    """The exposure sources of a study, each once."""
    return tuple(dict.fromkeys(experiment.exposures for experiment in study.experiments))


def counted_logs(
    state: RunState, logs_of: Callable[[Study], Sequence[str]], begun: LogCounts | None
) -> tuple[list[Drop], dict[str, SourceTally]]:
    """The drops and tallies of logs, all for the experiments that are left once each log has been counted.

    A log that can't be read takes the experiments that need it out of the run. What was counted for them as well is
    then counted again: which rows no metric wants depends on who asks.

    Raises:
        DataError: No experiment is left.
    """
    found: dict[str, tuple[tuple[str, ...], Counted]] = {}
    while True:
        ids, names = state.running_ids, logs_of(state.study)
        for name in names:
            if name in found and found[name][0] == ids:
                continue
            with failing(state, name):
                found[name] = ids, counted_log(state, name, begun)
            if state.running_ids != ids:
                break
        else:
            counted = {name: found[name][1] for name in names}
            drops = [drop for of_log, _ in counted.values() for drop in of_log]
            return drops, {name: tally for name, (_, tally) in counted.items()}


def counted_log(state: RunState, name: str, begun: LogCounts | None) -> Counted:
    """The drops and the tally of a log: as begun, or counted now where that was for other experiments.

    Raises:
        Exception: The log can't be read, or the ledger does not add up.
    """
    if begun is None or begun.experiments != state.running_ids:
        return _counted(state, state.study, name)
    with state.progress.waiting(_title(name)):
        return begun.by_source[name].result()


def _abandon(state: RunState, counts: Sequence[Future[Counted]]) -> None:
    under_way = [count for count in counts if not count.cancel()]
    while wait(under_way, timeout=_PATIENCE).not_done:
        cancel_tagged(state.spark, state.tag)


def _counted(state: RunState, study: Study, name: str, *, aside: bool = False) -> Counted:
    count = _of_exposures if name in state.project.exposures else _of_events
    with state.progress.stage(_title(name), aside=aside) as stage:
        drops, tally = count(state, study, name)
        stage.rows = tally.read
    return drops, tally


def _of_exposures(state: RunState, study: Study, name: str) -> Counted:
    source, pruned = state.project.exposures[name], prunes(state)
    logged = raw(state, name)
    rows = exposure_counts(exposure_rows(logged, source, study, pruned=pruned)).collect()
    drops, tally = exposure_drops(rows, study, name)
    there = row_count(state.spark, source, state.inputs[name].pinned)
    _compare(state, name, tally, there, exposure_conditions(logged, source, study) if pruned else None)
    return drops, tally


def _of_events(state: RunState, study: Study, name: str) -> Counted:
    source, pruned = state.project.events[name], prunes(state)
    there = row_count(state.spark, source, state.inputs[name].pinned)
    logged = raw(state, name)
    skipping = counted_conditions(logged, source, study) if pruned else None
    coded = event_rows(prune(logged, skipping or ()), source, study, pruned=False)
    counts = event_counts(coded, study, name, sampled=_is_long(there, state.inputs[name].pinned))
    drops, tally = event_drops(counts.collect(), study, name)
    _compare(state, name, tally, there, skipping)
    return drops, tally


def _is_long(rows: int | None, pinned: PinnedSource) -> bool:
    """Whether a log has so many rows that samples of them say enough; by its bytes where nobody has counted."""
    if rows is not None:
        return rows > MANY
    size = bytes_at(pinned.files) if pinned.files else None
    return size is None or size > MANY * _BYTES_OF_A_ROW


def _compare(
    state: RunState,
    name: str,
    tally: SourceTally,
    independent: int | None,
    skipping: Sequence[Condition] | None,
) -> None:
    """Compare the rows read with an independent count, or, where conditions skip rows, note which and how many."""
    if skipping is None:
        check_read(tally, independent)
        return
    found = state.inputs[name]
    found.predicate = " and ".join(condition.text for condition in skipping) or None
    found.not_read = None if independent is None else independent - tally.read


def prunes(state: RunState) -> bool:
    """Whether even the ledger's read may leave rows unread."""
    environment = state.project.environment
    return environment is not None and environment.ledger == "read"


def _title(name: str) -> str:
    return f"count {name}"
