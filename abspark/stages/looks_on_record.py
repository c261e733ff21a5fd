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
    spend other alpha than was spent.

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
    if lost := _with_results_of_looks(state, without):
        error = LakeError(
            f"the lake {state.lake.location} is not whole: run {without[lost[0]]} is committed with results of looks, "
            f"but the table looks has none of them ({first_names(lost)}). "
            "Made again of data that have changed since, they would spend other alpha.",
            advice="restore the table looks; where it is gone for good, run once with method: fixed, after which looks "
            "are made again of the data as they are now",
        )
        state.fail([experiment for experiment in state.running if experiment.id in lost], error)
    return found


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
