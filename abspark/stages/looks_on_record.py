"""The looks that a run starts from, which must not be fewer than were made."""

from __future__ import annotations

from typing import Any

from pyspark.sql import functions as F

from abspark.errors import LakeError
from abspark.naming import first_names
from abspark.stages.state import RunState


def earlier_looks(state: RunState) -> list[dict[str, Any]]:
    """The looks of the running experiments that count: each one's in the run that was committed when this began.

    Of methods without looks, too: those on record count again once the method has looks again. A sequential experiment
    whose looks are lost, as from a copy of the lake, fails: made again of data that have changed since, they would
    spend other alpha than was spent. So does one whose row in `commits` is lost, which says where its looks are.

    Raises:
        AbsparkError: No experiment is left to run; or the lake can't be read.
    """
    before = {name: run for name in state.running_ids if (run := state.predecessors[name]) is not None}
    found = state.lake.looks(before)
    unlooked = before.keys() - {row["experiment_id"] for row in found}
    without = {
        experiment.id: before[experiment.id]
        for experiment in state.running
        if experiment.analysis.sequential and experiment.id in unlooked
    }
    _fail(state, without, "is committed with results of looks, but the table looks has none of them", "looks")
    _fail(
        state, _not_in_commits(state), "committed results of looks, but commits has no row of them", "commits"
    )
    return found


def _not_in_commits(state: RunState) -> dict[str, str]:
    """The sequential experiments that seem new though a run has committed them, by that run."""
    new = [e.id for e in state.running if e.analysis.sequential and state.predecessors[e.id] is None]
    found = state.lake.committed_on_record(new) if new else {}
    # who was committed since this run began has a row by now, and is a conflict
    heads = state.lake.heads() if found else {}
    return {name: run for name, run in found.items() if name not in heads}


def _fail(state: RunState, run_of: dict[str, str], why: str, table: str) -> None:
    """Take those out of the run whose run has results of looks."""
    if lost := _with_results_of_looks(state, run_of):
        error = LakeError(
            f"the lake {state.lake.location} is not whole: run {run_of[lost[0]]} {why} ({first_names(lost)}). "
            "Made again of data that have changed since, they would spend other alpha.",
            advice=f"restore the table {table}; where it is gone for good, run once with method: fixed, after which "
            "looks are made again of the data as they are now",
        )
        state.fail([experiment for experiment in state.running if experiment.id in lost], error)


def _with_results_of_looks(state: RunState, run_of: dict[str, str]) -> list[str]:
    """The experiments whose committed results are of looks: those of a group sequential test alone tell by a boundary.

    The boundary of an anytime test is no sign, as each of its days has one; nor does it spend alpha look by look.
    """
    found: set[str] = set()
    for run in sorted(set(run_of.values())):
        mine = [name for name, committed in run_of.items() if committed == run]
        of_looks = (F.col("method") == "group_sequential") & F.col("boundary").isNotNull()
        rows = state.lake.read_run("results", run).where(of_looks & F.col("experiment_id").isin(mine))
        named = rows.select("experiment_id").distinct()
        found.update(row["experiment_id"] for row in named.collect())
    return sorted(found)
