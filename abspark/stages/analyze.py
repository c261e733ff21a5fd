"""Third stage: moments to results and health, then the switch that makes the run count."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from abspark.analysis.decisions import Evidence, decisions
from abspark.analysis.effect_checks import effect_checks
from abspark.analysis.health_covariates import covariate_checks
from abspark.analysis.health_skewness import skewness_checks
from abspark.analysis.look_record import arms_begun_anew, begun_anew
from abspark.analysis.results import analysed
from abspark.errors import ConflictError, ExperimentsFailedError
from abspark.naming import first_names
from abspark.stages.checks import health_rows
from abspark.stages.inputs import explained
from abspark.stages.looks_on_record import earlier_looks
from abspark.stages.state import COMMITTED, RUNNING, RunState, each_told_once, reason_of


def analyze(state: RunState) -> None:
    """Write the run's results, health checks and decisions.

    Raises:
        AbsparkError: The lake can't be read or written.
    """
    with explained(state), state.progress.stage("results") as stage:
        earlier = earlier_looks(state)
        experiments = state.running
        moments = state.rows_of("moments")
        if state.settled is not None:
            state.settled.result()
        for id_, (new, gone) in begun_anew(earlier, experiments).items():
            state.progress.say(
                f"  {id_}: {', '.join(new)} had no looks before, and those of {', '.join(gone)}, no metric of it any "
                "more, stay on record: a metric that is renamed or replaced is tested anew, with alpha of its own"
            )
        for id_, (new, gone) in arms_begun_anew(earlier, experiments).items():
            state.progress.say(
                f"  {id_}: {', '.join(new)} had no looks before, and those of {', '.join(gone)}, which it does not "
                "compare any more, stay on record: arms that are renamed, or compared with another control, are tested "
                "anew, with alpha of their own"
            )
        found = analysed(
            moments,
            experiments,
            state.project.metrics,
            as_of=state.as_of,
            started_at=state.started_at,
            quantiles=_quantiles(state),
            looks=earlier,
        )
        by_day = [row for row in moments if row["exposure_day"] is None]
        found_before = state.rows_of("health")
        checks = [
            *health_rows(state),
            *covariate_checks(by_day, experiments, state.project.metrics),
            *effect_checks(found.results, experiments, state.project.metrics),
            *skewness_checks(found.results, by_day, experiments, state.project.metrics),
        ]
        evidence = Evidence(found.results, [*found_before, *checks], found.harmed, found.now, found.looks)
        decided = decisions(evidence, experiments, state.project.metrics)
        results = [*found.results, *found.since_exposure]
        tables = {"decisions": decided, "results": results, "looks": found.looks, "health": checks}
        state.append_rows(tables)
        # what was read and what it cost is on record before the switch: a run may die, or fill the disk, right after it
        state.aside.start(lambda: state.record(RUNNING))
        state.aside.wait()
        stage.rows = len(results)


def _quantiles(state: RunState) -> list[dict[str, Any]]:
    """The run's rows of quantiles, where a metric is one."""
    if all(metric.form != "quantile" for metric in state.study.metrics):
        return []
    return state.rows_of("quantiles")


def commit(state: RunState) -> None:
    """Switch the running experiments to this run and record how it ended.

    What is committed counts whether or not that can be recorded, so that the run has not failed where it can't.

    Raises:
        ConflictError: Another run of the same experiment committed first.
        ExperimentsFailedError: Some experiments failed; the others are committed.
    """
    chosen = {experiment.id: state.predecessors[experiment.id] for experiment in state.running}
    with state.progress.stage("commit") as stage:
        ended = state.lake.commit(state.run_id, chosen)
        for name in ended.committed:
            state.experiments[name] = COMMITTED
        for name, winner in ended.conflicted.items():
            state.experiments[name] = f"conflict: {winner or 'another run'} committed first"
        stage.note = ", ".join(ended.committed)
    _record_end(state, ended.committed)
    failures = each_told_once(state.errors)
    if ended.conflicted:
        conflicts = [
            f"{name}: run {winner} committed while {state.run_id} was under way"
            if winner
            else f"{name}: its committed run vanished while {state.run_id} was under way"
            for name, winner in ended.conflicted.items()
        ]
        raise ConflictError(
            "\n".join([*conflicts, *failures]),
            advice="its results are the current ones; run again if you need yours",
        )
    if failures:
        raise ExperimentsFailedError(
            "\n".join(["some experiments failed, the others are committed:", *failures])
        )


def _record_end(state: RunState, committed: Sequence[str]) -> None:
    try:
        state.record(ended_as(state), finished=True)
    except Exception as error:
        if not committed:
            raise
        state.progress.say(
            f"  the run is committed ({first_names(committed)}), but that could not be recorded: "
            f"{reason_of(state, error)}\n"
            "  its rows count, and abspark runs says so"
        )


def ended_as(state: RunState) -> str:
    """The run's status once none of its experiments is running."""
    statuses = set(state.experiments.values())
    if statuses == {COMMITTED}:
        return COMMITTED
    if COMMITTED in statuses:
        return "partly_committed"
    return "conflict" if any(status.startswith("conflict") for status in statuses) else "failed"
