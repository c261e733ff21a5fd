"""The order of the stages, shared by the command line, the jobs and the Python API."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from pyspark.sql import SparkSession

from abspark.config import Project, chosen_experiments
from abspark.config.chosen import require_project
from abspark.config.values import given_instant
from abspark.errors import UsageError
from abspark.naming import first_names
from abspark.progress import Progress
from abspark.stages.analyze import analyze, commit, ended_as
from abspark.stages.assign import assign
from abspark.stages.inputs import pin_all, pin_all_again, pins_looked_at_beside
from abspark.stages.log_counts import logs_counted_beside
from abspark.stages.measure import measure
from abspark.stages.state import FAILED, RUNNING, RunState, new_run_id, reason_of, recorded
from abspark.storage import Lake, cancel_tagged, meter_of, open_lake, require_session, run_settings, tagged

_STAGES: Final = {
    "moments": ("assignments", ("unit_metrics", "moments")),
    "results": ("moments", ("decisions", "results")),
}
"""What a stage is for: the stage whose end has to be on record, and the tables that it writes first."""


@dataclass(frozen=True)
class RunOutcome:
    """A run that has ended: its id, and per experiment its status."""

    run_id: str
    experiments: dict[str, str]


def run(
    spark: SparkSession,
    project: Project,
    *,
    experiments: Sequence[str] = (),
    as_of: datetime | str | None = None,
    progress: Progress | None = None,
) -> RunOutcome:
    """All stages: raw logs to committed results.

    `experiments` are ids, default all that are not drafts; `as_of`, a time with an offset (also as ISO text), cuts
    event time, default now.

    Raises:
        ExperimentsFailedError: Some experiments failed; the others are committed.
        AbsparkError: See `begin`, the stages and `commit`.
    """
    require_session(spark)
    with run_settings(spark):
        state = begin(spark, project, experiments=experiments, as_of=as_of, progress=progress)
        state.kept = {}
        with recorded_failure(state):
            _start(state)
            with logs_counted_beside(state) as counts:
                assign(state, counts)
                measure(state, counts)
            with pins_looked_at_beside(state):
                analyze(state)
            commit(state)
    return RunOutcome(state.run_id, dict(state.experiments))


def first_stage(state: RunState) -> None:
    """Pin the sources of a run that has begun and write its assignments, for a second process to go on."""
    _start(state)
    assign(state)
    state.aside.wait()
    state.record(RUNNING)


def hand_over(state: RunState) -> None:
    """Record what the stages of this process found, for the next one; a run that has ended is left as it is.

    Raises:
        LakeError: What was written aside could not be written.
    """
    state.aside.wait()
    if state.running:
        state.record(RUNNING)


def begin(
    spark: SparkSession,
    project: Project,
    *,
    experiments: Sequence[str] = (),
    as_of: datetime | str | None = None,
    progress: Progress | None = None,
) -> RunState:
    """Check the lake, choose the experiments and note whose rows count now.

    Raises:
        UsageError: An experiment is unknown, or there is none to run; as_of is no time with an offset.
        LakeError: The lake can't be written.
    """
    now, as_of = datetime.now(UTC), given_instant("as_of", as_of)
    chosen = chosen_experiments(project, experiments)
    lake = lake_of(spark, project)
    progress = _metered(progress, spark)
    if as_of is not None and as_of > now:
        progress.say(
            f"  as_of {as_of:%Y-%m-%d %H:%M} UTC lies ahead: windows count as over that are over by then, "
            "but looks of sequential experiments end with the present"
        )
    run_id = new_run_id(now)
    with progress.stage("look at the lake"):
        lake.require_folder()
        heads = {name: run_id for name, run_id in lake.heads().items() if name in chosen}
        newer = {} if as_of is None else _newer(lake, heads, as_of)
    for instant, names in newer.items():
        progress.say(_replaced(as_of or now, instant, names))
    return RunState(
        run_id, spark, project, lake, now, as_of or now, dict.fromkeys(chosen, RUNNING),
        {name: heads.get(name) for name in chosen}, progress, spark_version=spark.version,
    )  # fmt: skip


def _newer(lake: Lake, heads: Mapping[str, str], as_of: datetime) -> dict[datetime, list[str]]:
    """The experiments whose committed run looked further than `as_of`, by up to when."""
    looked = lake.as_of_by_run(sorted(set(heads.values())))
    found: dict[datetime, list[str]] = {}
    for name, run_id in heads.items():
        if run_id in looked and looked[run_id] > as_of:
            found.setdefault(looked[run_id], []).append(name)
    return dict(sorted(found.items()))


def _replaced(as_of: datetime, newer: datetime, names: Sequence[str]) -> str:
    earlier = as_of.astimezone(UTC)
    return (
        f"  as_of {earlier:%Y-%m-%d %H:%M} UTC is earlier than {newer:%Y-%m-%d %H:%M} UTC, that of the results of "
        f"{first_names(names)}, which this run will replace; another run with the later as_of brings them back"
    )


def _start(state: RunState) -> None:
    """Pin the sources; tables are made and the run is recorded meanwhile, for which `assign` waits before it writes."""

    def open_lake() -> None:
        with state.progress.stage("open the lake", aside=True):
            state.lake.ensure_writable()
            state.lake.record_run(row.result())

    row: Future[dict[str, Any]] = Future()
    state.opened = state.aside.start(open_lake)
    try:
        pin_all(state)
    finally:
        row.set_result(state.row(RUNNING))


def resume(
    spark: SparkSession, project: Project, run_id: str, *, writes: str, progress: Progress | None = None
) -> RunState:
    """The state of a run whose earlier stages ran in another process, for the stage that `writes` a table.

    Raises:
        UsageError: There is no such run under way, it is not this stage's turn, or the configuration has changed.
        DataError: The files it pinned have changed.
    """
    state = recorded(spark, project, lake_of(spark, project), run_id, progress=_metered(progress, spark))
    _require_turn(state, writes)
    pin_all_again(state)
    return state


def _require_turn(state: RunState, writes: str) -> None:
    """A stage that died left rows but no record of its end; doing it again would write them twice."""
    before, tables = _STAGES[writes]
    if before not in state.progress.seconds:
        raise UsageError(
            f"run {state.run_id} has no {before} yet, or what wrote them died",
            advice=f"run jobs/{before}.py first, or begin a new run",
        )
    if not all(state.lake.read_run(table, state.run_id).isEmpty() for table in tables):
        raise UsageError(f"run {state.run_id} already has {writes}", advice="begin a new run")


def lake_of(spark: SparkSession, project: Project) -> Lake:
    """The lake of the project's environment.

    Raises:
        UsageError: It is no project, it was loaded without an environment, or there is no session that works.
    """
    require_project(project)
    if project.environment is None:
        raise UsageError(
            "no environment was chosen", advice="name one: --env, or the second argument of load_project"
        )
    require_session(spark)
    return open_lake(spark, project.environment.lake)


def _metered(progress: Progress | None, spark: SparkSession) -> Progress:
    progress = progress or Progress()
    progress.meter = meter_of(spark)
    return progress


@contextmanager
def recorded_failure(state: RunState) -> Iterator[None]:
    """Within it, whatever ends the run early is recorded in `runs` as far as the lake still takes it.

    A user who stops the run stops what Spark does for it and nothing else in the session.
    """
    try:
        with tagged(state.spark, state.tag):
            yield
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            cancel_tagged(state.spark, state.tag)
        state.aside.close()
        if not state.ended:
            reason = reason_of(state, error)
            unfinished = [name for name, status in state.experiments.items() if status == RUNNING]
            state.experiments.update(dict.fromkeys(unfinished, f"{FAILED}{reason}"))
            _record_quietly(state)
        raise
    finally:
        state.aside.close()


def _record_quietly(state: RunState) -> None:
    try:
        state.record(ended_as(state), finished=True)
    except Exception as error:
        state.progress.say(f"  the run's failure could not be recorded: {reason_of(state, error)}")


def prune(spark: SparkSession, project: Project, *, keep: int = 7) -> tuple[str, ...]:
    """Remove the rows of runs that no longer count; of each experiment `keep` runs stay. The ids removed, oldest first.

    Raises:
        UsageError: `keep` is below 1, or there is no session that works.
        LakeError: The lake can't be written.
    """
    require_session(spark)
    with run_settings(spark):
        return lake_of(spark, project).prune(keep).run_ids
