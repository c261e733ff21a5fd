"""Where raw logs lie and which of their columns mean what."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from abspark.config.base import ConfigModel, Problem, rule
from abspark.config.partition import PartitionDateOrColumn
from abspark.config.spark_types import check_type
from abspark.config.values import (
    ColumnName,
    Completeness,
    Count,
    Instant,
    Lag,
    Name,
    Option,
    Text,
    check_time_zone,
)

CANONICAL_NAMES: Final = ("experiment", "unit", "variant", "time", "event", "value", "event_id", "ingested")
"""The words an expression uses for mapped columns, whatever the raw columns are called."""

_TEXT_FORMATS: Final = ("csv", "json")
_PINNED_BY_THE_RUN: Final = ("versionasof", "timestampasof", "path", "readchangefeed", "readchangedata")
_LEAVES_ROWS_OUT: Final = ("ignorecorruptfiles", "ignoremissingfiles")


def _attributes_by_name(value: Any) -> Any:
    if isinstance(value, str):
        raise ValueError(  # noqa: TRY004  # pydantic reports ValueError, not TypeError
            f"must be a list of column names, e.g. [{value}], or a mapping of name to raw column"
        )
    if not isinstance(value, list | tuple):
        return value
    if not all(isinstance(name, str) for name in value):
        raise ValueError("must be a list of column names, or a mapping of name to raw column")
    if inside := [name for name in value if "." in name]:
        mapping = ", ".join(f"{name.rsplit('.', 1)[-1]}: {name}" for name in inside)
        raise ValueError(
            f"a name has no '.': {', '.join(map(repr, inside))}; map names to the fields, e.g. {{{mapping}}}"
        )
    if twice := sorted({name for name in value if value.count(name) > 1}):
        raise ValueError(f"names {', '.join(map(repr, twice))} twice")
    return {name: name for name in value}


def _properties_by_name(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    return {
        name: {"type": given, "column": name}
        if isinstance(given, str)
        else {"column": name, **given}
        if isinstance(given, Mapping)
        else given
        for name, given in value.items()
    }


class Property(ConfigModel):
    """A raw column that expressions may use besides the canonical ones."""

    type: Annotated[str, AfterValidator(check_type)] = Field(description="Spark SQL type")
    column: Text = Field(description="raw column; default: the property's name")


Attributes = Annotated[
    dict[ColumnName, Text],
    BeforeValidator(_attributes_by_name),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "array", "items": {"type": "string"}, "uniqueItems": True},
                {"type": "object", "additionalProperties": {"type": "string"}},
            ]
        }
    ),
]
Properties = Annotated[
    dict[ColumnName, Property],
    BeforeValidator(_properties_by_name),
    WithJsonSchema(
        {
            "type": "object",
            "additionalProperties": {
                "anyOf": [
                    {"type": "string"},
                    {
                        "type": "object",
                        "properties": {"type": {"type": "string"}, "column": {"type": "string"}},
                        "required": ["type"],
                        "additionalProperties": False,
                    },
                ]
            },
        }
    ),
]


class _Columns(ConfigModel):
    """Raw column of each canonical one; None where the log has none."""

    @property
    def mapped(self) -> dict[str, str]:
        """Canonical name to raw column, mapped ones only, in the order of `CANONICAL_NAMES`."""
        pairs = ((name, getattr(self, name, None)) for name in CANONICAL_NAMES)
        return {name: column for name, column in pairs if column is not None}


class ExposureColumns(_Columns):
    """Columns of an exposure log. Without `experiment` the log belongs to one experiment alone."""

    experiment: Text | None = None
    unit: Text
    variant: Text
    time: Text | None = None
    event_id: Text | None = None
    ingested: Text | None = Field(default=None, description="when the row reached the log")


class EventColumns(_Columns):
    """Columns of an event log. With `experiment` and `variant` an event is joined to that assignment only."""

    unit: Text
    time: Text | None = None
    event: Text | None = None
    value: Text | None = None
    event_id: Text | None = None
    ingested: Text | None = Field(default=None, description="when the row reached the log")
    experiment: Text | None = None
    variant: Text | None = None

    @rule("variant", "experiment")
    def _variant_needs_experiment(self) -> Iterator[Problem]:
        if self.variant is not None and self.experiment is None:
            yield Problem(("variant",), "a variant without its experiment says nothing: map experiment too")


class _Source(ConfigModel):
    name: Name
    format: Literal["delta", "parquet", "csv", "json", "table"]
    path: Text | None = Field(default=None, description="file or folder; relative to the project directory")
    table: Text | None = Field(default=None, description="catalog.schema.name")
    properties: Properties = Field(default={}, description="other columns that expressions may use")
    filter: Text | None = Field(
        default=None, description="Spark SQL condition; rows that fail it are dropped"
    )
    time_zone: Annotated[str, AfterValidator(check_time_zone)] = Field(
        default="UTC", description="IANA zone of times that carry no offset"
    )
    fixed_time: Instant | None = Field(default=None, description="time of all rows of a log without times")
    time_format: Text | None = Field(default=None, description="Spark datetime pattern of the time column")
    time_unit: Literal["s", "ms", "us", "ns"] | None = Field(
        default=None, description="unit of a numeric time column, counted from 1970-01-01T00:00:00Z"
    )
    options: dict[str, Option] = Field(default={}, description="options of Spark's reader")

    @rule("format", "path", "table")
    def _one_place(self) -> Iterator[Problem]:
        given = [name for name in ("path", "table") if getattr(self, name) is not None]
        wanted = {"table": ["table"], "delta": ["path", "table"]}.get(self.format, ["path"])
        allowed = " or ".join(wanted)
        if not given:
            yield Problem((), f"format {self.format} needs {allowed}")
        elif len(given) > 1:
            yield Problem(("table",), "path and table exclude each other", allowed)
        elif given[0] not in wanted:
            yield Problem((given[0],), f"format {self.format} takes no {given[0]}", allowed)

    @rule("format", "time_format")
    def _time_format_parses_text(self) -> Iterator[Problem]:
        if self.time_format is not None and self.format not in _TEXT_FORMATS:
            yield Problem(
                ("time_format",), "only text has a time format; this format has typed columns", "csv or json"
            )

    @rule("time_format", "time_unit")
    def _one_way_to_read_times(self) -> Iterator[Problem]:
        if self.time_format is not None and self.time_unit is not None:
            yield Problem(("time_unit",), "time_format reads text and time_unit numbers: one of the two")

    @rule("time_zone", "time_unit")
    def _numbers_have_no_zone(self) -> Iterator[Problem]:
        if self.time_unit is not None and "time_zone" in self.model_fields_set:
            yield Problem(("time_zone",), "has no effect on times counted in a time_unit, which are UTC")

    @rule("options")
    def _options_leave_the_version_alone(self) -> Iterator[Problem]:
        for key in self.options:
            if key.lower() in _PINNED_BY_THE_RUN:
                yield Problem(("options", key), "each run pins what it reads; this option would override it")

    @rule("options")
    def _options_leave_no_row_out(self) -> Iterator[Problem]:
        for key, value in self.options.items():
            name, given = key.lower(), value.lower()
            if (name in _LEAVES_ROWS_OUT and given != "false") or name == "badrecordspath":
                message = "each row is kept or counted as left out; this option would lose rows unseen"
                yield Problem(("options", key), message, "leave it out")
            elif name == "mode" and given != "permissive":
                message = "malformed rows are counted as left out; this option would lose them unseen, or end the run"
                yield Problem(("options", key), message, "PERMISSIVE, which is the default")


def _time_problems(source: ExposureSource | EventSource) -> Iterator[Problem]:
    column, fixed = source.columns.time, source.fixed_time
    if column is None and fixed is None:
        yield Problem(
            ("columns",), "no time: map columns.time, or give fixed_time where the log has no times"
        )
    if column is not None and fixed is not None:
        yield Problem(("fixed_time",), "columns.time is mapped, and fixed_time excludes it")
    if column is None and source.columns.ingested is not None:
        yield Problem(("columns", "ingested"), "has no effect without columns.time")
    if column is None:
        for name in ("time_zone", "time_format", "time_unit", "partition_date"):
            if name in source.model_fields_set:
                yield Problem((name,), "has no effect without columns.time")


def _name_problems(kind: str, names: Mapping[str, Any], taken: dict[str, str]) -> Iterator[Problem]:
    for name in names:
        folded = name.lower()
        if folded in CANONICAL_NAMES:
            yield Problem((kind, name), "is a canonical name; map it under columns or give it another name")
        elif folded in taken:
            yield Problem((kind, name), f"is already in {taken[folded]} (case does not matter)")
        taken.setdefault(folded, kind)


def _names_by_column(
    mapped: Mapping[str, str], properties: Mapping[str, Property], attributes: Mapping[str, str]
) -> dict[str, str]:
    """Raw column to what expressions call it; of several names the canonical one."""
    declared = {name: given.column for name, given in properties.items()}
    pairs = [*attributes.items(), *declared.items(), *mapped.items()]
    return {column: name for name, column in pairs}


class ExposureSource(_Source):
    """A log in which a row says that a unit was shown a variant.

    `attributes` (name to raw column, in configured order) are kept as of a unit's first exposure.
    """

    columns: ExposureColumns
    partition_date: PartitionDateOrColumn | None = Field(
        default=None,
        description="column with the date by which files are kept apart; or column, format and within",
    )
    attributes: Attributes = Field(default={}, description="columns kept as of the first exposure")
    dimensions: tuple[Name, ...] = Field(
        default=(), description="dimension sources whose attributes the units get, as of the first exposure"
    )
    combinations: dict[ColumnName, tuple[Name, ...]] = Field(
        default={}, description="further attributes, each a combination of two or more of the others"
    )

    @rule("columns", "fixed_time", "time_zone", "time_format", "time_unit", "partition_date")
    def _one_time(self) -> Iterator[Problem]:
        return _time_problems(self)

    @rule("properties", "attributes")
    def _one_meaning_per_name(self) -> Iterator[Problem]:
        taken: dict[str, str] = {}
        yield from _name_problems("attributes", self.attributes, taken)
        yield from _name_problems("properties", self.properties, taken)

    @rule("combinations")
    def _combinations_combine(self) -> Iterator[Problem]:
        for name, parts in self.combinations.items():
            if len(set(parts)) < 2:
                yield Problem(("combinations", name), "combines fewer than two attributes")

    @property
    def expression_types(self) -> dict[str, str | None]:
        """The names that expressions may use, with their Spark SQL type where it is declared."""
        return {
            **dict.fromkeys(self.columns.mapped),
            **dict.fromkeys(self.attributes),
            **{name: given.type for name, given in self.properties.items()},
        }

    @property
    def names_of_columns(self) -> dict[str, str]:
        """Raw columns, with the names that expressions have for them."""
        return _names_by_column(self.columns.mapped, self.properties, self.attributes)


class DimensionColumns(_Columns):
    """Columns of a dimension. Without `valid_from` a unit's row has always held."""

    unit: Text
    time: Text | None = Field(default=None, alias="valid_from", description="since when the row holds")


class DimensionSource(_Source):
    """A table of what units are: the row of a unit that held at its first exposure counts, never a later one.

    Of several rows of a unit that hold from the same instant the first by its attributes counts, nulls last.
    """

    columns: DimensionColumns
    attributes: Attributes = Field(description="columns that units get as attributes")

    @rule("properties", "attributes")
    def _one_meaning_per_name(self) -> Iterator[Problem]:
        taken: dict[str, str] = {}
        yield from _name_problems("attributes", self.attributes, taken)
        yield from _name_problems("properties", self.properties, taken)

    @rule("fixed_time")
    def _no_fixed_time(self) -> Iterator[Problem]:
        if self.fixed_time is not None:
            yield Problem(
                ("fixed_time",), "a dimension's rows hold always, or from valid_from on", "leave it out"
            )

    @property
    def expression_types(self) -> dict[str, str | None]:
        """The names that expressions may use, with their Spark SQL type where it is declared."""
        return {
            **dict.fromkeys(self.columns.mapped),
            **dict.fromkeys(self.attributes),
            **{name: given.type for name, given in self.properties.items()},
        }

    @property
    def names_of_columns(self) -> dict[str, str]:
        """Raw columns, with the names that expressions have for them."""
        return _names_by_column(self.columns.mapped, self.properties, self.attributes)


class Bots(ConfigModel):
    """Units with more than `limit` events in this log before as_of; `drop` leaves them out of everything."""

    limit: Annotated[Count, Field(gt=0)]
    drop: bool = False


class EventSource(_Source):
    """A log of behaviour.

    `complete_until` is the lag after which, or the instant until which it is complete; None: newest event.
    `copies_within` lets a run leave out, and as far as files allow not read, what lies before all windows by more than
    that; without it the earliest copy of an event that counts may lie anywhere there.
    """

    columns: EventColumns
    partition_date: PartitionDateOrColumn | None = Field(
        default=None,
        description="column with the date by which files are kept apart; or column, format and within",
    )
    complete_until: Completeness | None = Field(
        default=None, description="lag after which the log is complete, or an instant"
    )

    copies_within: Lag | None = Field(
        default=None,
        description="how far apart the times of a unit's rows with one event id are at most; absent: any distance",
    )
    bots: Bots | None = Field(default=None, description="units with implausibly many events")

    @rule("columns", "fixed_time", "time_zone", "time_format", "time_unit", "partition_date")
    def _one_time(self) -> Iterator[Problem]:
        return _time_problems(self)

    @rule("properties")
    def _one_meaning_per_name(self) -> Iterator[Problem]:
        return _name_problems("properties", self.properties, {})

    @rule("columns", "copies_within")
    def _copies_can_be_told(self) -> Iterator[Problem]:
        if self.copies_within is not None and self.columns.event_id is None:
            yield Problem(("copies_within",), "has no effect without columns.event_id")
        if self.copies_within is not None and self.columns.time is None:
            yield Problem(("copies_within",), "has no effect without columns.time")

    @property
    def expression_types(self) -> dict[str, str | None]:
        """The names that expressions may use, with their Spark SQL type where it is declared."""
        return {
            **dict.fromkeys(self.columns.mapped),
            **{name: given.type for name, given in self.properties.items()},
        }

    @property
    def names_of_columns(self) -> dict[str, str]:
        """Raw columns, with the names that expressions have for them."""
        return _names_by_column(self.columns.mapped, self.properties, {})


Source = ExposureSource | EventSource | DimensionSource
