"""What Spark's own metrics say of the work of a stage, where the session at hand lets this process ask.

Classic sessions do: the driver keeps the figures of its web interface, also where that is not served. Over Spark
Connect, or where a platform closes the gateway to Java, there is no meter or its figures are None, and nothing else
changes. Beside it, `places` asks Java for the default file system, `run_conf` whose session it is, and `interrupts` for
jobs by their tag: nothing else looks behind DataFrames and SQL.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import count
from typing import Any, Final, TypeVar
from uuid import uuid4

from pyspark.sql import SparkSession

from abspark.progress import Cost, SoFar

_PATIENCE_MS: Final = 1000
"""How long to wait for Spark to have booked what has ended; figures that are not whole are not given."""
_TELLING_MS: Final = 1000
"""Time of all tasks of a Spark stage below which its longest and median task say nothing."""

Answer = TypeVar("Answer")


def meter_of(spark: SparkSession) -> SparkMeter | None:
    """The meter of a session; None where it has none, as over Spark Connect."""
    return _known(lambda: SparkMeter(spark.sparkContext))


def has_stopped(spark: SparkSession) -> bool:
    """Whether a session can do no more work, as far as it tells."""
    return bool(
        _known(lambda: spark.is_stopped if hasattr(spark, "is_stopped") else spark.sparkContext._jsc is None)
    )


class SparkMeter:
    """Attributes Spark's jobs to stages by job tags, which a thread hands on to those that work for it."""

    def __init__(self, context: Any) -> None:
        """Takes the session's SparkContext.

        Raises:
            Exception: It gives no access to Java, or its threads have no tags of their own there (older Spark, or
                PYSPARK_PIN_THREAD is off).
        """
        from py4j.clientserver import ClientServer

        if not isinstance(context._gateway, ClientServer):
            raise TypeError("a job tag would be set on any thread")
        java = context._jsc.sc()
        self._context = context
        self._bus = java.listenerBus()
        self._tracker = java.statusTracker()
        self._store = java.statusStore()
        self._text = context._jvm.java.util.Arrays.toString
        self._no_statuses = context._jvm.java.util.ArrayList()
        self._quantiles = context._gateway.new_array(context._jvm.double, 2)
        self._quantiles[0], self._quantiles[1] = 0.5, 1.0
        self._name = f"abspark-{uuid4().hex[:8]}"
        self._number = count(1)
        self._tracker.getJobIdsForTag(self._tag())

    @contextmanager
    def gauge(self) -> Iterator[SparkGauge]:
        """Watch the jobs that this thread starts within."""
        tag = self._tag()
        try:
            tagged = _known(lambda: self._context.addJobTag(tag) or True)
            yield SparkGauge(self, tag if tagged else None)
        finally:
            with suppress(Exception):
                self._context.removeJobTag(tag)

    def _tag(self) -> str:
        """A new one each time, whichever threads ask."""
        return f"{self._name}-{next(self._number)}"

    def cost(self, tag: str) -> Cost:
        """What the jobs with a tag have cost, once Spark has booked all that has ended.

        Raises:
            Exception: Spark does not say, or not in time.
        """
        self._bus.waitUntilEmpty(_PATIENCE_MS)
        attempts = [attempt for stage in self._stages(tag) for attempt in self._attempts(stage)]
        longest = max(attempts, key=lambda attempt: attempt.executorRunTime(), default=None)
        return Cost(
            cpu_seconds=sum(attempt.executorCpuTime() for attempt in attempts) / 1e9,
            tasks=sum(attempt.numCompleteTasks() + attempt.numFailedTasks() for attempt in attempts),
            rows_in=sum(attempt.inputRecords() for attempt in attempts),
            rows_out=sum(attempt.outputRecords() for attempt in attempts),
            rows_shuffled=sum(attempt.shuffleWriteRecords() for attempt in attempts),
            bytes_read=sum(attempt.inputBytes() for attempt in attempts),
            bytes_shuffled=sum(attempt.shuffleWriteBytes() for attempt in attempts),
            bytes_spilled_memory=sum(attempt.memoryBytesSpilled() for attempt in attempts),
            bytes_spilled_disk=sum(attempt.diskBytesSpilled() for attempt in attempts),
            skew=None if longest is None else self._skew(longest),
        )

    def so_far(self, tag: str) -> SoFar:
        """How far the jobs with a tag are; executors report their rows with each task that ends, and every ten seconds.

        Raises:
            Exception: Spark does not say.
        """
        latest = [self._store.lastStageAttempt(stage) for stage in self._stages(tag)]
        begun = [attempt for attempt in latest if str(attempt.status()) in ("ACTIVE", "COMPLETE")]
        return SoFar(
            rows=sum(attempt.inputRecords() for attempt in begun),
            ended=sum(attempt.numCompleteTasks() for attempt in begun),
            tasks=sum(attempt.numTasks() for attempt in begun),
        )

    def _stages(self, tag: str) -> list[int]:
        jobs = _numbers(self._text(self._tracker.getJobIdsForTag(tag))[1:-1])
        ids = [_numbers(self._store.job(job).stageIds().mkString(",")) for job in jobs]
        return sorted({stage for stages in ids for stage in stages})

    def _attempts(self, stage: int) -> list[Any]:
        """Each attempt at a Spark stage: what one that was lost has cost is cost as well."""
        found = self._store.stageData(stage, False, self._no_statuses, False, self._quantiles)  # noqa: FBT003 - Java
        return [found.apply(place) for place in range(found.size())]

    def _skew(self, attempt: Any) -> float | None:
        if attempt.executorRunTime() < _TELLING_MS or attempt.numCompleteTasks() < 2:
            return None
        found = self._store.taskSummary(attempt.stageId(), attempt.attemptId(), self._quantiles)
        if found.isEmpty():
            return None
        median, longest = map(float, found.get().duration().mkString(",").split(","))
        return longest / max(median, 1.0)


class SparkGauge:
    """Watches the jobs with one tag; with None, no jobs are known."""

    def __init__(self, meter: SparkMeter, tag: str | None) -> None:
        self._meter = meter
        self._tag = tag

    def so_far(self) -> SoFar | None:
        """How far the jobs are; None where Spark does not say, or has been stopped."""
        tag = self._tag
        return None if tag is None else _known(lambda: self._meter.so_far(tag))

    def cost(self) -> Cost | None:
        """What the jobs so far have cost; None where Spark does not say."""
        tag = self._tag
        return None if tag is None else _known(lambda: self._meter.cost(tag))


def _numbers(text: str) -> list[int]:
    return [int(number) for number in text.split(",") if number.strip()]


def _known(ask: Callable[[], Answer]) -> Answer | None:
    """What Spark says; None where it does not: a figure is never worth a run."""
    try:
        return ask()
    except Exception:
        return None
