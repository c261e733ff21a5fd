"""Ctrl-C while Spark works: Python is interrupted as ever, and nobody is told of it but by us."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Final, NamedTuple

from pyspark.sql import SparkSession

_OF_AN_INTERRUPT: Final = (
    "KeyboardInterrupt while sending command.",
    "Exception occurred while shutting down connection",
)


def interrupt_plainly() -> None:
    """Let Ctrl-C raise KeyboardInterrupt and do nothing else.

    Pyspark's own handler asks Java, in the middle of whatever is being asked of Java, to cancel all jobs: that fails,
    and py4j logs it with tracebacks. Without effect outside the main thread, which gets no signals.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for name in (None, "py4j.clientserver", "py4j.java_gateway"):
        logger = logging.getLogger(name)
        if _untold not in logger.filters:
            logger.addFilter(_untold)


@contextmanager
def tagged(spark: SparkSession, tag: str) -> Iterator[None]:
    """Within it, what this thread has Spark do carries a tag, where the session lets this process set one."""
    with suppress(Exception):
        _tags(spark).add(tag)
    try:
        yield
    finally:
        with suppress(Exception):
            _tags(spark).remove(tag)


def cancel_tagged(spark: SparkSession, tag: str) -> None:
    """Cancel what is under way and carries a tag, whichever threads began it, where the session lets this process ask.

    What waits for it goes on.
    """
    with suppress(Exception):
        _tags(spark).cancel(tag)


class _Tags(NamedTuple):
    add: Callable[[str], object]
    remove: Callable[[str], object]
    cancel: Callable[[str], object]


def _tags(spark: SparkSession) -> _Tags:
    """Those of the SparkContext, or, over Spark Connect, where there is none, of the session.

    A classic session has tags of its own, but each thread knows only those that it has set itself, and none once Ctrl-C
    has cost it its connection to Java.
    """
    try:
        context = spark.sparkContext
    except Exception:
        return _Tags(spark.addTag, spark.removeTag, spark.interruptTag)
    return _Tags(context.addJobTag, context.removeJobTag, context.cancelJobsWithTag)


def _untold(record: logging.LogRecord) -> bool:
    return not str(record.msg).startswith(_OF_AN_INTERRUPT)
