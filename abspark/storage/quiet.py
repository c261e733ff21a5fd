"""Errors of Spark that abspark tells in its own words are not told by pyspark as well."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from pyspark.logger import PySparkLogger

_TELLING: Final = ("SQLQueryContextLogger", "DataFrameQueryContextLogger")
"""Loggers to which pyspark writes an analysis error, with its plan, when it makes the exception."""


@contextmanager
def told_by_us() -> Iterator[None]:
    """Within it pyspark logs no analysis error on stderr."""
    loggers = [PySparkLogger.getLogger(name) for name in _TELLING]
    before = [logger.disabled for logger in loggers]
    for logger in loggers:
        logger.disabled = True
    try:
        yield
    finally:
        for logger, disabled in zip(loggers, before, strict=True):
            logger.disabled = disabled
