"""Errors of Spark that abspark tells in its own words are not told by pyspark and py4j as well."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

from pyspark.logger import PySparkLogger

_TELLING: Final = ("SQLQueryContextLogger", "DataFrameQueryContextLogger")
"""Loggers to which pyspark writes an analysis error, with its plan, when it makes the exception."""
_BROKEN: Final = "Exception while sending command."
"""What py4j writes to the root logger, with two tracebacks, when Java ends while something is asked of it."""
_OURS: Final = ContextVar("_OURS", default=False)


@contextmanager
def told_by_us() -> Iterator[None]:
    """Within it pyspark logs no analysis error of this thread on stderr."""
    for name in _TELLING:
        PySparkLogger.getLogger(name).addFilter(_not_ours)
    token = _OURS.set(True)
    try:
        yield
    finally:
        _OURS.reset(token)


def broken_connections_untold() -> None:
    """Have py4j log no connection to Java that breaks: what comes of it is raised as well."""
    logging.getLogger().addFilter(_not_broken)


def _not_broken(record: logging.LogRecord) -> bool:
    return record.msg != _BROKEN


def _not_ours(_: logging.LogRecord) -> bool:
    return not _OURS.get()
