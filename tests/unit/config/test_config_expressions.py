"""Expressions: what may be run, what is refused and why, and which columns are read."""

from __future__ import annotations

import re

import function_examples
import pytest

from abspark.config.expressions import Role, columns_used, expression_faults
from abspark.config.functions import FUNCTIONS, REFUSALS
from abspark.config.safe_sql import never_raising

TYPES = {
    "unit": None, "time": None, "event": None, "value": None, "variant": None, "country": None,
    "category": "string", "quantity": "int", "is_bot": "boolean", "tags": "map<string,string>",
    "page": "struct<name:string,views:array<int>>", "landing_page": "string", "two words": "string", "day": "string",
}  # fmt: skip


def messages(expression: str, role: Role = "condition") -> list[str]:
    return [message for message, _ in expression_faults(expression, TYPES, role)]


@pytest.mark.parametrize(
    ("expression", "columns"),
    [
        ("event = 'purchase'", {"event"}),
        ("not is_bot", {"is_bot"}),
        ("is_bot", {"is_bot"}),
        ("(is_bot)", {"is_bot"}),
        ("lower(category) in ('a', 'b')", {"category"}),
        ("event like 'x%' escape '#'", {"event"}),
        ("event rlike '^a' or event not ilike 'A_'", {"event"}),
        ('event = "purchase" and `two words` is not null', {"event", "two words"}),
        ("(variant = 'control') = (landing_page = 'old_page')", {"variant", "landing_page"}),
        ("tags['a'] = 'x' and page.name <=> 'y' and page.views[0] > 1", {"tags", "page"}),
        ("element_at(tags, 'k')", {"tags"}),
        ("case when event = 'a' then is_bot else true end", {"event", "is_bot"}),
        ("contains(category, 'x') and isnotnull(value)", {"category", "value"}),
        ("value between 1 and 2.5e3 or value::int = 5L", {"value"}),
        ("time >= timestamp '2026-01-01' - interval 1 day", {"time"}),
        ("extract(hour from time) < 12 -- mornings", {"time"}),
        ("extract(day from time) = 1 and date_trunc('day', time) < time and day = 'mo'", {"time", "day"}),
        ("cast(category as boolean)", {"category"}),
        ("event = ';' or event = '*'", {"event"}),
        (" or ".join(["quantity = 1"] * 200), {"quantity"}),
        ("(" * 20 + "is_bot" + ")" * 20, {"is_bot"}),
        ("event = 'now' or lower(category) in ('today', 'later')", {"event", "category"}),
        ("true", set()),
        ("null", set()),
    ],
)
def test_allowed_conditions(expression: str, columns: set[str]) -> None:
    assert messages(expression) == []
    assert columns_used(expression) == columns


@pytest.mark.parametrize(
    ("expression", "columns"),
    [
        ("value", {"value"}),
        ("value * quantity", {"value", "quantity"}),
        ("coalesce(value, 0) / 100", {"value"}),
        ("cast(category as double)", {"category"}),
        ("try_divide(value, quantity)", {"value", "quantity"}),
        ("case when event = 'a' then value when is_bot then 0 end", {"event", "value", "is_bot"}),
        ("if(is_bot, 0, greatest(value, -quantity))", {"is_bot", "value", "quantity"}),
        ("page.views[1]", {"page"}),
        ("round(value % 10, 2) + 1", {"value"}),
        ("unix_micros(time) div 1000", {"time"}),
        ("1", set()),
    ],
)
def test_allowed_values(expression: str, columns: set[str]) -> None:
    assert messages(expression, "value") == []
    assert columns_used(expression) == columns


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("evnt = 'a'", "'evnt' is no column of the source; did you mean 'event'?"),
        ("Event = 'a'", "'Event' is no column of the source; did you mean 'event'?"),
        ("`nope` = 1", "'nope' is no column of the source"),
        ("nope.name = 1", "'nope' is no column of the source"),
        ("localtimestamp > time", "'localtimestamp' is no column of the source"),
        ("date_trunc(category, time) = time", "'CATEGORY' is no unit of time"),
        ("lwer(event) = 'a'", "lwer() is no allowed function; did you mean 'lower'?"),
        ("myudf(event)", "myudf() is no allowed function"),
        ("main.lower(event) = 'a'", "lower() belongs to a catalog or a path; only Spark's own functions are allowed"),
        ("`reflect`('java.lang.System', 'exit')", "reflect() runs code outside Spark SQL"),
        ("java_method('a', 'b') = 1", "java_method() runs code outside Spark SQL"),
        ("try_reflect('a', 'b') = 1", "try_reflect() runs code outside Spark SQL"),
        ("rand() < 0.5", "rand() gives another result each time"),
        ("now() > time", "now() depends on the clock"),
        ("current_date > time", "current_date depends on the clock"),
        ("current_timestamp() > time", "current_timestamp() depends on the clock"),
        ("unix_timestamp() > 5", "unix_timestamp() depends on the clock"),
        ("time < timestamp 'now'", "'now' as a time depends on the clock"),
        ("time < cast(' Today ' as date)", "' Today ' as a time depends on the clock"),
        ("time > 'now'", "'now' as a time depends on the clock"),
        ("time in ('yesterday UTC')", "'yesterday UTC' as a time depends on the clock"),
        ("to_date('tomorrow') > time", "'tomorrow' as a time depends on the clock"),
        ("session_user = 'x'", "session_user depends on the session"),
        ("explode(tags) = 1", "explode() makes rows"),
        ("sum(value) > 1", "sum() is an aggregate; the metric's kind aggregates"),
        ("lag(value) > 1", "lag() is a window function"),
        ("exists(tags) = 1", "exists() takes a function; use array_contains, element_at and the like"),
        ("value in (select 1)", "subqueries are not allowed"),
        ("value = (select 1)", "subqueries are not allowed"),
        ("(value, quantity) = (1, 2)", "lists in brackets are allowed after `in` only"),
        ("page.*", "stars are not allowed: name the columns"),
        ("event = 'a'; drop table x", "must be one expression, without a semicolon"),
        ("event = :x", "uses ':', which is not allowed"),
        ("event = ?", "uses '?', which is not allowed"),
        ("filter(tags, x -> x) = 1", "uses '->', which is not allowed"),
        ("event similar to 'a'", "SimilarTo is not allowed in an expression"),
        ("time at time zone 'UTC' = time", "AtTimeZone is not allowed in an expression"),
        ("and(is_bot)", "and() is no allowed function; did you mean 'tan'?"),
        ("", "is empty"),
        ("-- nothing", "is empty"),
        ("event = 'a", "is no Spark SQL expression: a quote or comment is not closed"),
        ("event = ", "is no Spark SQL expression: it cannot be read near '='"),
        ("(event = 'a'", "is no Spark SQL expression: it cannot be read near \"'a'\""),
        ("event = 'a')", "is no Spark SQL expression: it cannot be read near ')'"),
        ("event as x", "is no Spark SQL expression: it cannot be read near 'as'"),
        ("map('a')['a'] = 1", "is no Spark SQL expression: a function lacks an argument"),
        ("select 1", "is no Spark SQL expression: it cannot be read near 'select'"),
        ("(" * 1000 + "is_bot" + ")" * 1000, "has more than 1000 words and signs"),
        ("(" * 400 + "is_bot" + ")" * 400, "is nested more than 30 deep"),
        ("not " * 500 + "is_bot", "is nested more than 30 deep"),
        ("- " * 500 + "value", "is nested more than 30 deep"),
        ("case when " * 50 + "is_bot" + " then true end" * 50, "is nested more than 30 deep"),
        ("'" + "x" * 10_000 + "' = event", "is longer than 10000 characters"),
        ("'purchase'", "is text, not a condition"),
        ("1", "is a number, not a condition"),
        ("value + 1", "is a number, not a condition"),
        ("event", "is text, not a condition"),
        ("country", "is text, not a condition"),
        ("time", "is a time, not a condition"),
        ("quantity", "is a number, not a condition"),
        ("category || 'a'", "is text, not a condition"),
        ("cast(value as string)", "is text, not a condition"),
        ("upper(event)", "is something else, not a condition"),
    ],
)  # fmt: skip
def test_refused_conditions(expression: str, message: str) -> None:
    assert messages(expression)[0] == message


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("element_at(page.views, quantity) = 1", "element_at() takes its index from a row, and some would end the run: "
         "write it out, or take x[key] of a map, x[i] of an array, which counts from 0; NULL where there is none"),
        ("try_element_at(page.views, 1 - 1) = 1", "try_element_at() takes its index from a row, and some would end"),
        ("element_at(page.views, 0) = 1", "element_at() counts from 1: an index of 0 would end the run"),
        ("lower(split_part(category, ',', 0)) = 'a'", "split_part() counts from 1: an index of 0 would end the run"),
        ("size(slice(page.views, 0, 2)) = 1", "slice() counts from 1: an index of 0 would end the run"),
        ("size(slice(page.views, 1, -2)) = 1", "slice() of a negative length would end the run"),
        ("array_contains(sequence(1, quantity), 3)", "sequence() raises on some rows, which would end the run"),
        ("map_from_arrays(page.views, page.views)[1] = 1", "map_from_arrays() raises on some rows, which would end"),
        ("map('a', 1, category, 2)[event] = 1", "map() takes its key from a row, and some would end the run"),
        ("convert_timezone('UTC', category, time) > time", "convert_timezone() takes its time zone from a row, and"),
        ("convert_timezone(category, time) > time", "convert_timezone() takes its time zone from a row, and some"),
        ("to_date(category, event) > time", "to_date() takes its format from a row, and some would end the run"),
        ("date_format(time, concat('yy', event)) = ''", "date_format() takes its format from a row, and some would"),
        ("event rlike category", "rlike takes its pattern from a row, and some would end the run: write it out, or use "
         "contains, startswith or replace"),
        ("event not like concat('%', category)", "like takes its pattern from a row, and some would end the run"),
        ("ilike(event, category)", "ilike takes its pattern from a row, and some would end the run"),
        ("regexp_extract(event, '(a)', quantity) = 'a'", "regexp_extract() takes its pattern from a row, and some"),
        ("regexp_extract(event, 'a', 3) = 'a'", "regexp_extract() of group 3 would end the run at the first match: the "
         "pattern has 0 in brackets"),
        ("size(regexp_extract_all(event, '(?:a)')) = 1",
         "regexp_extract_all() of group 1 would end the run at the first"),
        ("size(split(event, category)) = 1", "split() takes its pattern from a row, and some would end the run"),
        ("from_utc_timestamp(time, category) > time", "from_utc_timestamp() takes its time zone from a row, and some"),
        ("to_utc_timestamp(time, 'Mars/City') > time", "'Mars/City' is no time zone"),
        ("convert_timezone('UTC', '+19:00', time) > time", "'+19:00' is no time zone"),
        ("parse_url(event, 'QUERY', category) = 'x'", "parse_url() takes its key from a row, and some would end the"),
        ("repeat(event, quantity) = 'x'", "repeat() takes its number from a row, and some would end the run"),
        ("dateadd(hour, quantity, time) > time", "dateadd() takes its number from a row, and some would end the run: "
         "write it out; to a time, add number * interval '1' day"),
        ("decode(unbase64(event), 'utf-8') = 'x'", "decode() of a character set would end the run at bytes that are "
         "none; use cast(... as string)"),
        ("to_char(unbase64(event), 'UTF-8') = 'x'", "to_char() of utf-8 would end the run at bytes that are none"),
    ],
)  # fmt: skip
def test_arguments_with_which_a_row_could_end_the_run(expression: str, message: str) -> None:
    found = messages(expression)
    assert len(found) == 1
    assert found[0].startswith(message)


@pytest.mark.parametrize(
    "expression",
    [
        "url_decode(event) like ('%/checkout%')",
        "event like r'a%' and like(event, 'a_', '#') and event not rlike '^a' and regexp_like(event, 'b', 'i')",
        "element_at(page.views, -1) = 1 and tags[category] = 'x' and page.views[quantity] = 1",
        "split_part(category, event, quantity) = 'a' and size(slice(page.views, quantity, 2)) > 1",
        "regexp_extract(coalesce(event, category), '(a)(b)', 2) = 'b' and regexp_extract(event, 'a', 0) = 'a'",
        "regexp_extract(event, '(?<name>a)(b)', 2) = 'b'",
        "to_date(lower(category), 'yyyy-MM-dd') > time and date_add(time, quantity) > time",
        "dateadd(day, 2, time) > time and time + quantity * interval '1' day > time",
        "map('a', 1, 'b', quantity)[event] = 1 and decode(event, 'a', 1, 'b', 2) = 1",
        "convert_timezone('UTC', 'Europe/Rome', time) > time and to_char(value, '99') = '1'",
        "to_utc_timestamp(from_utc_timestamp(time, '+02:00'), 'Asia/Tokyo') = time",
        "regexp_replace(event, 'a', '-') = '-'",
        "str_to_map(category)['a'] = 'b' and lpad(event, 5, category) = 'x'",
    ],
)
def test_arguments_that_are_harmless(expression: str) -> None:
    assert messages(expression) == []


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("value > 1", "is a condition, not a number"),
        ("is_bot", "is a condition, not a number"),
        ("contains(category, 'x')", "is a condition, not a number"),
        ("category", "is text, not a number"),
        ("'5'", "is text, not a number"),
        ("time", "is a time, not a number"),
        ("cast(category as timestamp)", "is a time, not a number"),
        ("to_date(time)", "is a time, not a number"),
        ("date_trunc('day', time)", "is a time, not a number"),
        ("array(value)", "is no single value, not a number"),
        ("split(category, ',')", "is no single value, not a number"),
        ("sum(value)", "sum() is an aggregate; the metric's kind aggregates"),
    ],
)
def test_refused_values(expression: str, message: str) -> None:
    assert messages(expression, "value") == [message]


def test_all_faults_of_an_expression_are_told() -> None:
    assert expression_faults("rand() > nope and now() > time", {"time": None}, "condition") == [
        ("rand() gives another result each time", None),
        ("now() depends on the clock", None),
        ("'nope' is no column of the source", "time"),
    ]


def test_columns_of_what_cannot_be_read() -> None:
    with pytest.raises(ValueError, match="is no Spark SQL expression"):
        columns_used("a b c")


def test_no_function_is_both_allowed_and_refused() -> None:
    assert FUNCTIONS.isdisjoint(REFUSALS)


@pytest.mark.parametrize("expression", function_examples.EXAMPLES)
def test_every_function_may_be_called(expression: str) -> None:
    assert expression_faults(expression, function_examples.TYPES, "key") == []


def test_every_function_has_an_example() -> None:
    called = {name for call in function_examples.EXAMPLES for name in re.findall(r"(\w+)(?:\(| when)", call)}
    assert called >= FUNCTIONS


@pytest.mark.parametrize("path", ["$..[", "$[?(@.a > 1)]", "a", "$.a[", ""])
def test_odd_json_paths_are_sparks_to_judge(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    expression = f"get_json_object(category, '{path}') = 'x'"
    assert messages(expression) == []
    assert never_raising(f"{expression} and value + 1 > 0").startswith(
        f"GET_JSON_OBJECT(category, '{path}') = 'x' AND"
    )
    assert capsys.readouterr() == ("", "")


def test_luhn_check_is_a_condition() -> None:
    assert messages("luhn_check(category)") == []
    assert messages("luhn_check(category)", "value") == ["is a condition, not a number"]
