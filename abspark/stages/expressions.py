"""Whether Spark can evaluate a source's filter and its metrics' expressions over its columns, before it is scanned."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from pyspark.errors import (
    AnalysisException,
    ArithmeticException,
    DateTimeException,
    IllegalArgumentException,
    NumberFormatException,
    PySparkException,
    SparkRuntimeException,
    SparkUpgradeException,
)
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import (
    ArrayType,
    DataType,
    DateType,
    MapType,
    StructType,
    TimestampNTZType,
    TimestampType,
)

from abspark.config import Experiment, Project, Source
from abspark.config.safe_sql import calls_in, never_raising
from abspark.errors import DataError
from abspark.pipeline.plans import Want, metric_plan
from abspark.stages.state import RunState
from abspark.storage import first_line

_RAISED: Final = (
    ArithmeticException,
    DateTimeException,
    IllegalArgumentException,
    NumberFormatException,
    SparkRuntimeException,
    SparkUpgradeException,
)
"""What Spark raises of an expression where it evaluates it."""


class Stated(NamedTuple):
    """An expression over a source: `what` names it for people; `becomes` is the type that it is cast to, if any."""

    what: str
    text: str
    becomes: str | None

    def column(self) -> Column:
        """The expression as the pipeline evaluates it."""
        written = F.expr(never_raising(self.text))
        return written if self.becomes is None else written.try_cast(self.becomes)


def require_evaluable(
    state: RunState, source: Source, rows: DataFrame, experiments: Iterable[Experiment]
) -> None:
    """Have Spark analyse every expression over `rows`, the source's canonical ones, without reading any.

    And evaluate them on one row of made values: a pattern or format at fault raises on any row.

    Experiments with a metric whose expression is at fault leave the run.

    Raises:
        DataError: The source's own filter is at fault, or no experiment is left.
    """
    if source.filter is not None:
        _require(source, rows, [Stated("filter", source.filter, "boolean")])
    by_experiment = [(e, _of_metrics(e, state.project, source.name)) for e in experiments]
    every = {(one.text, one.becomes): one for _, stated in by_experiment for one in stated}
    if fault_of(rows, every.values()) is None:
        return
    for experiment, stated in by_experiment:
        try:
            _require(source, rows, stated)
        except DataError as error:
            state.fail((experiment,), error)


def _of_metrics(experiment: Experiment, project: Project, source: str) -> list[Stated]:
    """The expressions of the metrics of an experiment, and of their covariates and triggers, over one source."""
    found: dict[tuple[str, str | None], Stated] = {}
    for name in experiment.metrics.names:
        plan = metric_plan(project.metrics[name], project.metrics)
        wants = [slot.want for slot in plan.slots] + [
            s.trigger.want for s in plan.slots if s.trigger is not None
        ]
        for one in (stated for want in wants if want.source == source for stated in _of_want(name, want)):
            found.setdefault((one.text, one.becomes), one)
    return list(found.values())


def _of_want(metric: str, want: Want) -> Iterator[Stated]:
    if want.where is not None:
        yield Stated(f"where of metric {metric}", want.where, "boolean")
    if want.value is not None:
        yield Stated(f"value of metric {metric}", want.value, "double")
    if want.key is not None:
        yield Stated(f"distinct of metric {metric}", want.key, None)


def _require(source: Source, rows: DataFrame, stated: Iterable[Stated]) -> None:
    """Raise of the first expression that Spark refuses."""
    given = tuple(stated)
    if fault_of(rows, given) is None:
        return
    for one in given:
        if (refused := fault_of(rows, [one])) is not None:
            raise DataError(
                f"source {source.name}: {one.what} = {one.text}: {first_line(refused)}",
                allowed="what Spark can evaluate over the types that the source's columns have: "
                + ", ".join(f"{field.name} {field.dataType.simpleString()}" for field in rows.schema.fields),
                advice="change the expression, or the type of a property in the source",
            )


def fault_of(rows: DataFrame, stated: Iterable[Stated]) -> PySparkException | None:
    """What Spark says against some expressions together."""
    given = tuple(stated)
    try:
        # a session over Connect analyses only what is asked for
        _ = rows.select(*(one.column().alias(f"c{j}") for j, one in enumerate(given))).schema
    except AnalysisException as error:
        return error
    sample, whole = _sample(rows), [never_raising(one.text) for one in given]
    try:
        # what stands behind an `and` or in a case, the row might not come to
        return _raised(sample, (*whole, *(call for one in given for call in calls_in(one.text))))
    except AnalysisException:
        return _raised(sample, whole)


def _raised(sample: DataFrame, texts: Iterable[str]) -> PySparkException | None:
    """What evaluating expressions raises; fetched are lengths, as Python lacks some values that Spark has."""
    lengths = (
        F.length(F.expr(text).cast("string")).alias(f"c{j}") for j, text in enumerate(dict.fromkeys(texts))
    )
    try:
        sample.select(*lengths).collect()
    except _RAISED as error:
        return error
    return None


def _sample(rows: DataFrame) -> DataFrame:
    """One row with a value in each column of `rows`; a local relation, which Spark evaluates without a job."""
    fields = rows.schema.fields
    values = ", ".join(_value(field.dataType) for field in fields)
    names = ", ".join(f"`{field.name.replace('`', '``')}`" for field in fields)
    return rows.sparkSession.sql(f"select * from values ({values}) as sample({names})")


def _value(kind: DataType) -> str:
    """SQL of a value of a type."""
    if isinstance(kind, ArrayType):
        return f"array({_value(kind.elementType)})"
    if isinstance(kind, MapType):
        return f"map({_value(kind.keyType)}, {_value(kind.valueType)})"
    if isinstance(kind, StructType):
        return f"named_struct({', '.join(f'{_quoted(f.name)}, {_value(f.dataType)}' for f in kind.fields)})"
    text = "2026-01-01" if isinstance(kind, DateType | TimestampType | TimestampNTZType) else "1"
    return f"cast('{text}' as {kind.simpleString()})"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
