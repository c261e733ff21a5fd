"""Which runs' rows can go."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from abspark.errors import UsageError
from abspark.schemas import RUNNING_AT_MOST

_NO_START: Final = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class CommittedRun:
    """The run whose rows count for an experiment, and the one before it (None for the first)."""

    experiment_id: str
    run_id: str
    previous_run_id: str | None


@dataclass(frozen=True)
class RunRecord:
    """What the prune needs of a run's latest record.

    `experiments` maps each experiment to its status, `predecessors` to the run that was its committed one before.
    """

    run_id: str
    status: str
    started_at: datetime | None
    experiments: Mapping[str, str]
    predecessors: Mapping[str, str | None] = field(default_factory=dict)


def require_kept_runs(keep: int) -> None:
    """So many runs of an experiment can be kept.

    Raises:
        UsageError: `keep` is below 1, or no whole number.
    """
    if not isinstance(keep, int):
        raise UsageError(f"keep = {keep!r} is no number of runs", allowed="a whole number, 1 or more")
    if keep < 1:
        raise UsageError(f"keep = {keep}: the committed run itself has to stay.", allowed="1 or more")


def runs_to_prune(
    stored: Collection[str],
    records: Sequence[RunRecord],
    commits: Sequence[CommittedRun],
    *,
    keep: int,
    now: datetime,
) -> tuple[str, ...]:
    """The runs among `stored` (those that have rows) to remove, oldest first (without record: first of all).

    Of each experiment the newest `keep` runs that committed it stay, by start, its committed run counted as
    one of them and never removed. A run that committed nothing goes at once, unless its record says
    `running` and it started within the last 24 hours: a run that takes longer must not be pruned beside.
    """
    started = {record.run_id: record.started_at or _NO_START for record in records}
    newest = _committed_runs(records, commits)
    heads = {commit.experiment_id: commit.run_id for commit in commits}
    staying = {
        record.run_id
        for record in records
        if record.status == "running" and started[record.run_id] > now - RUNNING_AT_MOST
    }
    for experiment, runs in newest.items():
        head = heads.get(experiment)
        others = sorted((run for run in runs if run != head), key=lambda run: started.get(run, _NO_START))
        room = keep if head is None else keep - 1
        staying.update(others[len(others) - min(room, len(others)) :])
    staying.update(heads.values())
    return tuple(sorted(set(stored) - staying, key=lambda run: (started.get(run, _NO_START), run)))


def _committed_runs(records: Sequence[RunRecord], commits: Sequence[CommittedRun]) -> dict[str, set[str]]:
    """Of each experiment the runs that committed it, by any record or by `commits`.

    A run that was killed once it had committed has no record of that; the next one's names it as the one before.
    """
    found: dict[str, set[str]] = {}
    for record in records:
        for experiment, status in record.experiments.items():
            if status == "committed":
                found.setdefault(experiment, set()).add(record.run_id)
        for experiment, before in record.predecessors.items():
            if before is not None:
                found.setdefault(experiment, set()).add(before)
    for commit in commits:
        known = {commit.run_id, commit.previous_run_id} - {None}
        found.setdefault(commit.experiment_id, set()).update(run for run in known if run is not None)
    return found
