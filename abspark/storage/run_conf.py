"""What a run sets in the session that it is given, and restores at its end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from threading import Lock
from typing import Final

from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from abspark.errors import AbsparkError
from abspark.storage.conditions import first_line
from abspark.storage.java_end import java_has_ended

JAVA_OPTIONS: Final = "spark.driver.extraJavaOptions"
_EXECUTOR_OPTIONS: Final = ("spark.executor.extraJavaOptions", "spark.executor.defaultJavaOptions")
# Java leaves methods of more than 8,000 bytes to its interpreter, ten times as slow, and what Spark generates for many
# metrics is longer. On one machine Java is told to compile them, elsewhere Spark not to make them.
COMPILE_ALL: Final = "-XX:-DontCompileHugeMethods"
_LONGEST_METHOD: Final = ("spark.sql.codegen.hugeMethodLimit", "8000")
_RUN_SETTINGS: Final = {
    "spark.sql.session.timeZone": "UTC",
    # what can fail in an expression becomes NULL and is counted; ANSI mode would end the run instead
    "spark.sql.ansi.enabled": "false",
    "spark.sql.mapKeyDedupPolicy": "LAST_WIN",  # a row with a key twice would end the run
    "spark.sql.legacy.sizeOfNull": "false",  # without ANSI mode it would be -1, which is less than any size asked for
    # what a session leaves out of a log, the ledger can't count
    "spark.sql.files.ignoreCorruptFiles": "false",
    "spark.sql.files.ignoreMissingFiles": "false",
    # what a pattern in a filter matches, what a column's name finds, and that text becomes an instant
    "spark.sql.parser.escapedStringLiterals": "false",
    "spark.sql.caseSensitive": "false",
    "spark.sql.timestampType": "TIMESTAMP_LTZ",
    # Java's old parser takes what begins like a date for one
    "spark.sql.legacy.timeParserPolicy": "CORRECTED",
    # what type a number or a text that is written out has, and how many digits arithmetic with decimals keeps
    "spark.sql.decimalOperations.allowPrecisionLoss": "true",
    "spark.sql.legacy.consecutiveStringLiterals.enabled": "false",
    "spark.sql.legacy.exponentLiteralAsDecimal.enabled": "false",
    "spark.sql.legacy.literal.pickMinimumPrecision": "true",
    # the text of an array, by which values are told apart; where its end is; that differences of times have an order
    "spark.sql.legacy.castComplexTypesToString.enabled": "false",
    "spark.sql.legacy.negativeIndexInArrayInsert": "false",
    "spark.sql.legacy.interval.enabled": "false",
    # that a time is compared with a text as a time, and what is not known of an array's elements
    "spark.sql.legacy.typeCoercion.datetimeToString.enabled": "false",
    "spark.sql.legacy.followThreeValuedLogicInArrayExists": "true",
    "spark.sql.jsonGenerator.ignoreNullFields": "true",  # the text of an object, by which values are told apart
    # text of type char or varchar is text, which Spark can hand over
    "spark.sql.preserveCharVarcharTypeInfo": "false",
    # milliseconds would cut the lake's instants
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    # a local time in Parquet is one, and is moved by the source's time zone; the oldest form of instants is readable
    "spark.sql.parquet.inferTimestampNTZ.enabled": "true",
    "spark.sql.parquet.int96AsTimestamp": "true",
    # what is grouped by is a column of what comes out
    "spark.sql.retainGroupColumns": "true",
    # nanoseconds, in which pandas writes instants, are none of Spark's: see time_unit
    "spark.sql.legacy.parquet.nanosAsLong": "true",
    # Delta leaves out partitions by dates that it generates of the instants, which it takes for days of the run's time
    # zone; they are days of the zone of the session that wrote them
    "spark.databricks.delta.generatedColumn.partitionFilterOptimization.enabled": "false",
    # a folder named experiment=007 means the text 007
    "spark.sql.sources.partitionColumnTypeInference.enabled": "false",
}
_REQUIRED: Final = ("spark.sql.session.timeZone", "spark.sql.ansi.enabled")
"""Without these results would be wrong; a platform may let nobody at the others, as Databricks serverless."""


@contextmanager
def run_settings(spark: SparkSession) -> Iterator[None]:
    """Within it the time zone is UTC, ANSI is off, partition folders are text and no file of a log is left out.

    Literals, patterns of dates, decimals, names of columns and types of instants mean what they do in Spark by
    default, and nanoseconds are numbers. A key that a map has twice is no error, what is NULL has no size, and no
    generated method is longer than Java compiles, unless the session has its own limit or its Java has none. What a
    platform lets nobody set is left as it is, but for the time zone and ANSI. Runs in several threads may share a
    session: the last to leave restores what the first found.

    Raises:
        AbsparkError: The session lets nobody set the time zone or ANSI.
    """
    session = _identity(spark)
    with _USES_LOCK:
        use = _USES.setdefault(session, _Use(_set_for_runs(spark)))
        use.users += 1
    try:
        yield
    finally:
        with _USES_LOCK:
            use.users -= 1
            if not use.users:
                del _USES[session]
                _restore(spark, use.restore)


@dataclass
class _Use:
    restore: ExitStack
    users: int = 0


_USES: Final[dict[object, _Use]] = {}
_USES_LOCK: Final = Lock()


def _identity(spark: SparkSession) -> object:
    """Of a session of Java's, for which Python may have several objects."""
    with suppress(Exception):
        return spark._jsparkSession.sessionUUID()
    return id(spark)


def _restore(spark: SparkSession, restore: ExitStack) -> None:
    """A session whose Java has ended has nothing left to restore."""
    try:
        restore.close()
    except Exception:
        if not java_has_ended(spark):
            raise


def _set_for_runs(spark: SparkSession) -> ExitStack:
    with ExitStack() as restore:
        for key, value in _RUN_SETTINGS.items():
            try:
                _set(spark, key, value, restore)
            except PySparkException as error:
                if key in _REQUIRED:
                    raise AbsparkError(
                        f"This session lets nobody set {key}, which has to be {value}: {first_line(error)}",
                        advice="run abspark in a session that allows it",
                    ) from error
        _set_short_methods(spark, restore)
        return restore.pop_all()


def _set_short_methods(spark: SparkSession, restore: ExitStack) -> None:
    key, limit = _LONGEST_METHOD
    with suppress(PySparkException):
        given = (spark.conf.get(option, None) or "" for option in (JAVA_OPTIONS, *_EXECUTOR_OPTIONS))
        if spark.conf.get(key, None) is None and not any(COMPILE_ALL in options for options in given):
            _set(spark, key, limit, restore)


def _set(spark: SparkSession, key: str, value: str, restore: ExitStack) -> None:
    before = spark.conf.get(key, None)
    if before == value:  # setting a key that Spark has deprecated tells so in every run
        return
    spark.conf.set(key, value)
    if before is None:
        restore.callback(spark.conf.unset, key)
    else:
        restore.callback(spark.conf.set, key, before)
