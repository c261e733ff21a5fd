"""What a run knows of itself, and how it is kept in the table `runs` between stages."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from pyspark.sql import Row, SparkSession
from pyspark.sql import functions as F

from abspark.config import Experiment, Project
from abspark.errors import AbsparkError, ExperimentsFailedError, UsageError
from abspark.naming import first_names
from abspark.pipeline.bots import UnitKey
from abspark.pipeline.study import Study, make_study
from abspark.pipeline.time import instant
from abspark.progress import Progress
from abspark.schemas import SCHEMA_VERSION, TABLES
from abspark.stages.aside import Aside
from abspark.storage import ENDED, Lake, PinnedSource, java_has_ended, tagged

RUNNING = "running"
COMMITTED = "committed"
ByValue = tuple[list[dict[str, Any]], list[dict[str, Any]]]
FAILED = "failed: "
"""How an experiment's status begins that failed; the reason follows."""


@dataclass
class Input:
    """A pinned source, and what was found in it: rows read and kept, and what pushed-down predicates left unread."""

    pinned: PinnedSource
    rows: int | None = None
    kept: int | None = None
    predicate: str | None = None
    not_read: int | None = None


@dataclass
class RunState:
    """One run in progress.

    `experiments` maps each experiment to its status: running, committed, conflict: ..., or failed: and why. Only
    running ones take part in a stage. `ended` is whether the table `runs` knows how the run ended. `busy` are the units
    with too many events by event source, once they have been looked for. `kept` are the rows that the driver appended,
    by table, where one process does all stages; None where stages hand over through the lake. `profile` are the
    assignments counted for the health checks, `by_value` those counted by attributes, `frequent` the values of segments
    that are kept, where this process wrote the assignments; `settled` ends when their part of the ledger is known,
    `opened` when the lake's tables are there. `spark_version` is asked for once: how a run ends can be recorded when
    its Java has ended, too. `aside` is what goes on beside the stages.
    """

    run_id: str
    spark: SparkSession
    project: Project
    lake: Lake
    started_at: datetime
    as_of: datetime
    experiments: dict[str, str]
    predecessors: dict[str, str | None]
    progress: Progress
    inputs: dict[str, Input] = field(default_factory=dict)
    errors: dict[str, AbsparkError] = field(default_factory=dict)
    ended: bool = False
    busy: dict[str, tuple[UnitKey, ...]] | None = None
    kept: dict[str, list[dict[str, Any]]] | None = None
    profile: list[dict[str, Any]] | None = None
    opened: Future[None] | None = None
    settled: Future[None] | None = None
    frequent: Future[list[Row]] | None = None
    by_value: Future[ByValue] | None = None
    spark_version: str | None = None
    aside: Aside = field(init=False)

    def __post_init__(self) -> None:
        """Tag the work beside the stages like theirs."""
        self.aside = Aside(lambda: tagged(self.spark, self.tag))

    @property
    def tag(self) -> str:
        """What all that Spark does for this run is tagged with, in whichever thread."""
        return f"abspark-run-{self.run_id}"

    @property
    def running(self) -> tuple[Experiment, ...]:
        """The experiments that have not failed, in the project's order."""
        return tuple(
            self.project.experiments[name] for name, status in self.experiments.items() if status == RUNNING
        )

    @property
    def running_ids(self) -> tuple[str, ...]:
        """Their ids, in the same order."""
        return tuple(experiment.id for experiment in self.running)

    @property
    def study(self) -> Study:
        """The study of the running experiments."""
        events = self.project.events
        found = self.busy or {}
        dropped = {key for name, keys in found.items() if (b := events[name].bots) and b.drop for key in keys}
        return make_study(self.project, self.running, self.as_of, tuple(sorted(dropped)))

    def fail(self, experiments: Sequence[Experiment], error: AbsparkError) -> None:
        """Take experiments out of the run, and say so at once: the others may be at work for long.

        Raises:
            AbsparkError: No experiment is left to run: the error itself, or one that tells all where they differ.
        """
        for experiment in experiments:
            self.experiments[experiment.id] = f"{FAILED}{error.message}"
            self.errors[experiment.id] = error
        if not self.running:
            raise _as_one(self.errors)
        if experiments:
            names = first_names([experiment.id for experiment in experiments])
            told = error.message.replace("\n", "\n  ")
            self.progress.say(f"  {names}: failed, the others go on: {told}")

    def append_rows(
        self, tables: Mapping[str, Iterable[Mapping[str, Any]]], *, told: str | None = None
    ) -> None:
        """Append rows of the driver to tables of the lake, aside, as this run's; `told` names that as a stage.

        What the lake refuses is raised by `aside.wait`.
        """
        own = {name: [{**row, "run_id": self.run_id} for row in rows] for name, rows in tables.items()}

        def write() -> None:
            with self.progress.stage(told, aside=True) if told else nullcontext():
                for name, rows in own.items():
                    self.lake.append_rows(name, rows)

        if self.kept is not None:
            for name, rows in own.items():
                names = TABLES[name].names
                self.kept.setdefault(name, []).extend({n: row.get(n) for n in names} for row in rows)
        self.aside.start(write)

    def rows_of(self, table: str) -> list[dict[str, Any]]:
        """The rows of this run that the driver appended to a table."""
        if self.kept is not None:
            return list(self.kept.get(table, []))
        self.aside.wait()
        # a collected timestamp has no offset, and is of this process's time zone
        times = [column.name for column in TABLES[table].columns if column.type == "timestamp"]
        frame = self.lake.read_run(table, self.run_id).withColumns({n: F.unix_micros(n) for n in times})
        rows = [row.asDict(recursive=True) for row in frame.collect()]
        return [row | {n: None if row[n] is None else instant(row[n]) for n in times} for row in rows]

    def record(self, status: str, *, finished: bool = False) -> None:
        """Append the run's present state to `runs`."""
        self.lake.record_run(self.row(status, finished=finished))
        self.ended = finished

    def row(self, status: str, *, finished: bool = False) -> dict[str, Any]:
        """The run's present state as a row of `runs`."""
        now = datetime.now(UTC)
        return {
            "run_id": self.run_id,
            "recorded_at": now,
            "started_at": self.started_at,
            "finished_at": now if finished else None,
            "status": status,
            "experiments": dict(self.experiments),
            "predecessors": dict(self.predecessors),
            "as_of": self.as_of,
            "configuration_hash": self.project.configuration_hash(self.experiments),
            "code_version": _version("abspark"),
            "spark_version": self.spark_version,
            "delta_version": _version("delta-spark"),
            "schema_version": SCHEMA_VERSION,
            "inputs": [_input_row(name, found) for name, found in self.inputs.items()],
            "seconds": dict(self.progress.seconds),
            "costs": self.progress.cost_rows(),
        }


def new_run_id(now: datetime) -> str:
    """An id that sorts by time and is unique without coordination."""
    return f"{now:%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:8]}"


def recorded(
    spark: SparkSession, project: Project, lake: Lake, run_id: str, *, progress: Progress
) -> RunState:
    """The state of a run that another process began.

    `inputs` have no pins yet: the caller pins again and compares.

    Raises:
        UsageError: There is no such run, it has ended, or the configuration has changed since.
    """
    rows = (
        lake.runs()
        .where(F.col("run_id") == run_id)
        .withColumns({name: F.unix_micros(name) for name in ("started_at", "as_of")})
        .collect()
    )
    if not rows:
        raise UsageError(f"no run {run_id} in the lake", advice="begin one with jobs/assignments.py")
    row = rows[0]
    if row["status"] != RUNNING:
        raise UsageError(f"run {run_id} has ended: {row['status']}", advice="begin a new run")
    if row["configuration_hash"] != project.configuration_hash(row["experiments"]):
        raise UsageError(f"the configuration has changed since run {run_id} began", advice="begin a new run")
    state = RunState(
        run_id, spark, project, lake, instant(row["started_at"]), instant(row["as_of"]),
        dict(row["experiments"]), dict(row["predecessors"]), progress, spark_version=spark.version,
    )  # fmt: skip
    found = row.asDict(recursive=True)
    lake.learn_to_record()
    state.progress.restore(found["seconds"] or {}, found["costs"] or [])
    state.inputs = {given["source"]: _input(given) for given in found["inputs"]}
    state.errors = {
        name: AbsparkError(status.removeprefix(FAILED))
        for name, status in state.experiments.items()
        if status.startswith(FAILED)
    }
    return state


def _as_one(errors: Mapping[str, AbsparkError]) -> AbsparkError:
    """The error of a run whose experiments have all failed; its class decides the exit code."""
    different = {str(error): error for error in errors.values()}
    kinds = {type(error) for error in different.values()}
    if len(different) == 1:
        return next(iter(different.values()))
    kind = kinds.pop() if len(kinds) == 1 else ExperimentsFailedError
    return kind("\n".join(["all experiments failed:", *each_told_once(errors)]))


def each_told_once(errors: Mapping[str, AbsparkError]) -> list[str]:
    """Each different error with the experiments that it took out of the run: those that share a source share it."""
    names: dict[str, list[str]] = {}
    for name, error in errors.items():
        names.setdefault(str(error), []).append(name)
    return [f"{', '.join(taken)}: {error}" for error, taken in names.items()]


def reason_of(state: RunState, error: BaseException) -> str:
    """Why something of the run failed, in a line for `runs` and for who watches it."""
    if isinstance(error, KeyboardInterrupt):
        return "stopped by the user"
    if isinstance(error, AbsparkError):
        return error.message
    return ENDED if java_has_ended(state.spark) else type(error).__name__


def _input_row(name: str, found: Input) -> dict[str, Any]:
    return {
        "source": name,
        "location": found.pinned.location,
        "version": found.pinned.version,
        "list_hash": found.pinned.list_hash,
        "files": list(found.pinned.files),
        "rows": found.rows,
        "kept": found.kept,
        "predicate": found.predicate,
        "not_read": found.not_read,
    }


def _input(row: Mapping[str, Any]) -> Input:
    pinned = PinnedSource(
        row["source"], "", row["location"], row["version"], tuple(row["files"]), row["list_hash"]
    )
    return Input(pinned, row["rows"], row["kept"], row["predicate"], row["not_read"])


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
