"""Who is told of an analysis error: pyspark's logger writes it where abspark does not tell it."""

from __future__ import annotations

import logging

import pytest
from pyspark.errors import AnalysisException
from pyspark.logger import PySparkLogger
from pyspark.sql import SparkSession

from abspark.storage.quiet import told_by_us

pytestmark = pytest.mark.spark


class _Kept(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


def test_an_error_that_we_tell_is_not_logged_and_others_are(spark: SparkSession) -> None:
    logger, kept = PySparkLogger.getLogger("SQLQueryContextLogger"), _Kept()
    logger.addHandler(kept)

    def fails() -> None:
        with pytest.raises(AnalysisException):
            spark.range(1).selectExpr("size(id)").collect()

    try:
        fails()
        assert len(kept.records) == 1
        first, second = told_by_us(), told_by_us()
        with first:
            fails()
            with second:
                fails()
            fails()
        assert len(kept.records) == 1
        fails()
        assert len(kept.records) == 2
    finally:
        logger.removeHandler(kept)
