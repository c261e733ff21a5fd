"""What is cancelled with a tag, in each kind of session, and what is not."""

from __future__ import annotations

import threading
import time
from typing import Any, cast

import pytest
from pyspark.sql import SparkSession

from abspark.storage import cancel_tagged, tagged

PATIENCE = 60.0


class Recorder:
    """Notes the calls that it gets."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str]] = []

    def __getattr__(self, name: str) -> Any:
        return lambda tag: self.calls.append((name, tag))


class Classic:
    """A session with a SparkContext, and with tags of its own as since Spark 4."""

    def __init__(self) -> None:
        self.sparkContext = Recorder()

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"{name} of a classic session knows its own thread's tags alone")


class Remote(Recorder):
    """A session of Spark Connect."""

    @property
    def sparkContext(self) -> Any:  # noqa: N802 - pyspark's name
        raise NotImplementedError


class Closed:
    """A session that lets nobody at either."""


def tag_and_cancel(session: Any) -> None:
    spark = cast("SparkSession", session)
    with tagged(spark, "mine"):
        cancel_tagged(spark, "mine")


def test_a_classic_session_is_asked_by_its_context() -> None:
    session = Classic()
    tag_and_cancel(session)
    calls = [("addJobTag", "mine"), ("cancelJobsWithTag", "mine"), ("removeJobTag", "mine")]
    assert session.sparkContext.calls == calls


def test_over_connect_the_session_itself_is_asked() -> None:
    session = Remote()
    tag_and_cancel(session)
    assert session.calls == [("addTag", "mine"), ("interruptTag", "mine"), ("removeTag", "mine")]


def test_a_session_without_tags_goes_without() -> None:
    tag_and_cancel(Closed())


class Work:
    """A job of many short tasks in a thread of its own, as another notebook's or a run's."""

    def __init__(self, spark: SparkSession, tag: str | None, tasks: int) -> None:
        self.failed: Exception | None = None
        self._given = spark, tag, tasks
        self._thread = threading.Thread(target=self._do)
        self._thread.start()

    def _do(self) -> None:
        spark, tag, tasks = self._given
        frame = spark.range(0, tasks, 1, tasks).selectExpr("reflect('java.lang.Thread', 'sleep', 100L)")
        try:
            if tag is None:
                frame.collect()
            else:
                with tagged(spark, tag):
                    frame.collect()
        except Exception as error:
            self.failed = error

    def ended(self) -> Exception | None:
        """What the job failed of."""
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()
        return self.failed


@pytest.mark.spark
def test_what_other_threads_began_is_cancelled_by_its_tag_alone(spark: SparkSession) -> None:
    tracker = spark.sparkContext.statusTracker()
    others = [Work(spark, None, 60), Work(spark, "other", 60)]
    mine = Work(spark, "mine", 20_000)
    until = time.monotonic() + PATIENCE
    while len(tracker.getActiveJobsIds()) < 3 and time.monotonic() < until:
        time.sleep(0.05)
    cancel_tagged(spark, "mine")
    assert "cancelled" in str(mine.ended()).lower()
    assert [other.ended() for other in others] == [None, None]
    assert not spark.sparkContext.getJobTags()
