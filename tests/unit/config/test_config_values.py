"""Durations, instants, options, Spark types and variables."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError

from abspark.config import Metric, Window
from abspark.config.spark_types import check_type
from abspark.config.values import format_duration, parse_duration, parse_instant
from abspark.config.variables import expand


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("0d", timedelta(0)),
        ("7d", timedelta(days=7)),
        ("12h", timedelta(hours=12)),
        ("30m", timedelta(minutes=30)),
        ("90s", timedelta(seconds=90)),
        ("1d12h", timedelta(days=1, hours=12)),
        ("1d2h3m4s", timedelta(days=1, hours=2, minutes=3, seconds=4)),
        ("-2d", timedelta(days=-2)),
        ("-1d12h", -timedelta(days=1, hours=12)),
        ("3650d", timedelta(days=3650)),
    ],
)
def test_durations(text: str, duration: timedelta) -> None:
    assert parse_duration(text) == duration
    assert parse_duration(format_duration(duration)) == duration


@pytest.mark.parametrize(
    ("text", "shortest"), [("90s", "1m30s"), ("24h", "1d"), ("-90m", "-1h30m"), ("0d", "0s")]
)
def test_durations_are_written_in_the_shortest_form(text: str, shortest: str) -> None:
    assert format_duration(parse_duration(text)) == shortest


@pytest.mark.parametrize(
    "text", ["", "-", "7", "d", "1.5d", "7 d", "12h1d", "+1d", "1w", "7D", "٣d", 7, None, True]
)
def test_other_durations_are_refused(text: object) -> None:
    with pytest.raises(ValueError, match="must be a duration of days, hours, minutes and seconds"):
        parse_duration(text)


@pytest.mark.parametrize("text", ["3650d1s", "999999999d"])
def test_long_durations_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="at most 3650d"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-10-01T00:00:00Z", datetime(2026, 10, 1, tzinfo=UTC)),
        ("2026-10-01 02:30+02:00", datetime(2026, 10, 1, 0, 30, tzinfo=UTC)),
        ("2026-10-01t00:00:00.5z", datetime(2026, 10, 1, 0, 0, 0, 500_000, tzinfo=UTC)),
        ("2026-10-01T00:00:00.000001-0100", datetime(2026, 10, 1, 1, 0, 0, 1, tzinfo=UTC)),
    ],
)
def test_instants(text: str, instant: datetime) -> None:
    parsed = parse_instant(text)
    assert (parsed, parsed.tzinfo) == (instant, UTC)
    assert parse_instant(parsed) == instant


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("2026-10-01", "state the time and the offset"),
        ("2026-10-01T00:00:00", "state the time and the offset"),
        (datetime(2026, 10, 1), "state the time and the offset"),  # naive on purpose
        ("1 October 2026", "must be an ISO time with its offset"),
        ("2026-10-01T00:00:00.1234567Z", "must be an ISO time with its offset"),
        (1759276800, "must be an ISO time with its offset"),
        ("2026-13-01T00:00:00Z", "is no time of the calendar"),
        ("0001-01-01T00:00:00+01:00", "is no time of the calendar"),
        ("1900-01-01T00:59:59+01:00", "must lie between 1900 and 9899"),
        ("9899-12-31T00:00:01Z", "must lie between 1900 and 9899"),
        ("9999-12-31T23:59:59Z", "what has no end yet may have 2099-12-31T00:00:00Z"),
    ],
)
def test_other_instants_are_refused(text: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_instant(text)


@pytest.mark.parametrize(
    "text",
    [
        "boolean", "BIGINT", "timestamp_ntz", "decimal", "decimal(38)", "decimal(10, 2)", "varchar(5)", "char(1)",
        "array<int>", "map<string,string>", "map<string, array<struct<a:int, `b c`: string>>>", "struct<a int>",
    ],
)  # fmt: skip
def test_spark_types(text: str) -> None:
    assert check_type(text) == text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "it ends too early"),
        ("text", "'text' is not among boolean, tinyint"),
        ("array", "it ends too early"),
        ("array<int", "it ends too early"),
        ("int>", "unexpected '>' after it"),
        ("int not null", "unexpected 'not' after it"),
        ("map<string>", "',' expected, not '>'"),
        ("decimal(39)", "a number from 1 to 38 expected, not '39'"),
        ("decimal(5,6)", "a number from 0 to 5 expected, not '6'"),
        ("varchar", "it ends too early"),
        ("varchar(0)", "a number from 1 to 2147483647 expected, not '0'"),
        ("struct<1a:int>", "'1a' is no field name"),
        ("int; drop table x", "unexpected ';'"),
        ("array<" * 25 + "int" + ">" * 25, "nested more than 20 deep"),
    ],
)
def test_other_types_are_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_type(text)


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        ("no $ here: $A {A}", "no $ here: $A {A}"),
        ("${A}/${B}", "1/two words"),
        ("${A:-x}${NONE:-x y}${EMPTY:-z}", "1x yz"),
        ("[${EMPTY}${NONE:-}]", "[]"),
        ("$${A}${A}", "${A}1"),
        ("${NESTED}", "${A}"),
    ],
)
def test_expansion(text: str, expanded: str) -> None:
    environ = {"A": "1", "B": "two words", "EMPTY": "", "NESTED": "${A}"}
    assert expand(text, environ) == (expanded, ())


def test_what_cannot_be_expanded_stays_and_is_told() -> None:
    assert expand("${A}${NONE}${1}${", {"A": "a"}) == (
        "a${NONE}${1}${",
        (
            "the environment variable NONE is not set",
            "${1} is no reference to an environment variable",
            "${ is no reference to an environment variable",
        ),
    )


def test_models_keep_their_rules_outside_yaml() -> None:
    with pytest.raises(ValidationError, match="value: kind count takes no value"):
        Metric(name="m", kind="count", source="s", value="value", window=Window(end=timedelta(days=1)))
    with pytest.raises(ValidationError, match="end: the window is empty"):
        Window(start=timedelta(days=1), end=timedelta(days=1))
    window = Window(end=timedelta(days=1))
    with pytest.raises(ValidationError, match="frozen"):
        window.end = timedelta(days=2)  # type: ignore[misc]  # what is tested
