"""Literals that Spark can make nothing of are refused before a run, in which they would be NULL on every row."""

from __future__ import annotations

import pytest

from abspark.config.expressions import Finding, expression_faults

TYPES = {
    "time": None, "ingested": None, "event": None, "value": None, "country": None, "category": "string",
    "quantity": "int", "bought_on": "date", "seen": "timestamp_ntz", "price": "decimal(10,2)", "is_bot": "boolean",
    "tags": "map<string,string>", "page": "struct<name:string>", "list": "array<string>",
}  # fmt: skip
A_TIME = "text such as 2026-12-01 or 2026-12-01T15:30:00Z"
A_DATE = "text such as 2026-12-01"


def null(text: str, what: str, allowed: str) -> list[Finding]:
    return [(f"{text!r} is no {what} that Spark can read: it would be NULL on every row", allowed)]


@pytest.mark.parametrize(
    ("expression", "found"),
    [
        ("time < '2026-13-01'", null("2026-13-01", "time", A_TIME)),
        ("'01.12.2026' >= time", null("01.12.2026", "time", A_TIME)),
        ("time = ('2026-02-29')", null("2026-02-29", "time", A_TIME)),
        ("time <> r'2026-1-1T'", null("2026-1-1T", "time", A_TIME)),
        ("ingested > 'Monday'", null("Monday", "time", A_TIME)),
        ("not time <=> ''", null("", "time", A_TIME)),
        ("time between '2026-06-31' and '2026-07-01'", null("2026-06-31", "time", A_TIME)),
        ("time not in (timestamp '2026-01-01', '1 May')", null("1 May", "time", A_TIME)),
        ("seen > '2026-01-01 24:00:00'", null("2026-01-01 24:00:00", "time", A_TIME)),
        ("seen > '2026-01-01 10:00:00 Mars/City'", null("2026-01-01 10:00:00 Mars/City", "time", A_TIME)),
        ("bought_on > '2026-13'", null("2026-13", "date", A_DATE)),
        ("cast(time as date) = '2026-01-32'", null("2026-01-32", "date", A_DATE)),
        ("to_date(time) = '01/02/2026'", null("01/02/2026", "date", A_DATE)),
        ("date_trunc('day', time) = 'monday'", null("monday", "time", A_TIME)),
        ("time < timestamp'2026-13-45'", null("2026-13-45", "time", A_TIME)),
        ("time < date'2026-02-30'", null("2026-02-30", "date", A_DATE)),
        ("time < date('2026-02-30')", null("2026-02-30", "date", A_DATE)),
        ("time < to_date('2026-02-30')", null("2026-02-30", "date", A_DATE)),
        ("time < cast('2026-13-01' as timestamp)", null("2026-13-01", "time", A_TIME)),
        ("time < '2026-13-01'::timestamp_ntz", null("2026-13-01", "time", A_TIME)),
        ("time < '12:30'", [("'12:30' as a time depends on the clock", A_TIME)]),
        ("time < 'tomorrow'", [("'tomorrow' as a time depends on the clock", None)]),
        ("value > 'abc'", null("abc", "number", "a number")),
        ("quantity > '1e3'", null("1e3", "whole number", "a whole number")),
        ("price between '1' and '2,50'", null("2,50", "number", "a number")),
        ("cast('1.5' as int) = quantity", null("1.5", "whole number", "a whole number")),
        ("cast('a lot' as double) < value", null("a lot", "number", "a number")),
        ("time in ('2026-12-01')",
         [("`in` compares '2026-12-01' as text, which no row has", "timestamp '2026-12-01'")]),
        ("bought_on in ('2026-1-1')", [("`in` compares '2026-1-1' as text, which no row has", "date '2026-12-01'")]),
        ("quantity in ('01', '2')", [("`in` compares '01' as text, which no row has", "a number without quotes")]),
        ("value in ('1')", [("`in` compares '1' as text, which no row has", "a number without quotes")]),
        ("time > 5", [("compares a time with a number, which Spark refuses", A_TIME)]),
        ("value <= bought_on", [("compares a time with a number, which Spark refuses", A_TIME)]),
        ("time in (5, 6)", [("compares a time with a number, which Spark refuses", A_TIME)]),
        ("category.foo = 1",
         [("'category' is of type string and has no parts", "a part of an array, a map or a struct")]),
        ("time.day = 1",
         [("'time' is of type timestamp and has no parts", "a part of an array, a map or a struct")]),
        ("event['a'] = 1",
         [("'event' is of type string and has no parts", "a part of an array, a map or a struct")]),
        ("cast(category as decimal(50,2)) = 1", [("a decimal has at most 38 digits", "decimal(38, …)")]),
        (r"category like '%\\'",
         [("the pattern '%\\\\' has the escape sign '\\\\' before something other than _ or %",
           r"\_, \%, or \\ for the sign itself")]),
        (r"category not like 'C:\\users'",
         [("the pattern 'C:\\\\users' has the escape sign '\\\\' before something other than _ or %",
           r"\_, \%, or \\ for the sign itself")]),
        ("category ilike 'a#' escape '#'",
         [("the pattern 'a#' has the escape sign '#' before something other than _ or %",
           "#_, #%, or ## for the sign itself")]),
    ],
)  # fmt: skip
def test_what_is_refused(expression: str, found: list[Finding]) -> None:
    assert expression_faults(expression, TYPES, "condition") == found


@pytest.mark.parametrize(
    "expression",
    [
        "time < '2026-12-01' and time >= '2026' and time <> '2026-1'",
        "time <=> ' 2026-12-1T9:5:0.123 Europe/Berlin '",
        "time between '2026-01-01T00:00:00Z' and '2026-01-01 00:00:00+01:00'",
        "time in ('2026-12-01 00:00:00', timestamp '2026-12-02')",
        "time < timestamp'epoch' or time < date'2024-02-29' or time < cast('2026-01-01 foo' as date)",
        "bought_on > '2026-12-01T' and bought_on in ('2026-12-01') and bought_on < time",
        "to_date('01.12.2026', 'dd.MM.yyyy') < time and to_timestamp('1 May', 'd MMM') < time",
        "category = '2026-13-01' and event in ('now', '12:30') and category > 5 and time < category",
        "value > '1e3' and value < 'infinity' and quantity > '1.5' and quantity in ('1', 2) and price = '.5'",
        "value in ('1.5') and cast('12' as int) = quantity and cast(category as decimal(38,2)) = 1",
        "tags.a = 'x' and page.name = 'y' and list[0] = 'z' and tags['a'] = 'b' and page['name'] = 'c'",
        r"category like '50\\%' and category like 'a\\\\' and category like 'a\\_#' and event like '##%' escape '#'",
    ],
)
def test_what_is_taken(expression: str) -> None:
    assert expression_faults(expression, TYPES, "condition") == []
