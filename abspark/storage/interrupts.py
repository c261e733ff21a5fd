"""Ctrl-C while Spark works: Python is interrupted as ever, and nobody is told of it but by us."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

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


def cancel_jobs(spark: SparkSession) -> None:
    """Cancel what Spark is doing, where the session lets this process ask; so that what waits for it goes on."""
    with suppress(Exception):
        spark.sparkContext.cancelAllJobs()


@contextmanager
def tagged(spark: SparkSession, tag: str) -> Iterator[None]:
    """Within it, jobs that this thread starts carry a tag, where the session lets this process set one."""
    with suppress(Exception):
        spark.sparkContext.addJobTag(tag)
    try:
        yield
    finally:
        with suppress(Exception):
            spark.sparkContext.removeJobTag(tag)


def cancel_tagged(spark: SparkSession, tag: str) -> None:
    """Cancel the jobs under way that carry a tag, where the session lets this process ask."""
    with suppress(Exception):
        spark.sparkContext.cancelJobsWithTag(tag)


def _untold(record: logging.LogRecord) -> bool:
    return not str(record.msg).startswith(_OF_AN_INTERRUPT)
