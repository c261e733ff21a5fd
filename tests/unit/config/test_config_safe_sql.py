"""Expressions rewritten so that no row can make them raise; Spark evaluates them in the pipeline's tests."""

from __future__ import annotations

import pytest

from abspark.config.safe_sql import never_raising


@pytest.mark.parametrize(
    ("written", "run"),
    [
        ("value * quantity + 1 - a * b",
         "TRY_SUBTRACT(TRY_ADD(TRY_MULTIPLY(value, quantity), 1), TRY_MULTIPLY(a, b))"),
        ("cast(cast(x as int) as string)", "TRY_CAST(TRY_CAST(x AS INT) AS STRING)"),
        ("x::int", "TRY_CAST(x AS INT)"),
        ("a * (b + c)", "TRY_MULTIPLY(a, (TRY_ADD(b, c)))"),
        ("element_at(a, -1) + 1", "TRY_ADD(ELEMENT_AT(a, -1), 1)"),
        ("a / b / 2", "TRY_DIVIDE(TRY_DIVIDE(a, b), 2)"),
        ("url_decode(url) like '%x'", "TRY_URL_DECODE(url) LIKE '%x'"),
        ("to_number(a, '99')", "TRY_TO_NUMBER(a, '99')"),
        ("to_char(a + 1, '99')", "TO_VARCHAR(TRY_ADD(a, 1), '99')"),
        ("unbase64(a)", "TRY_TO_BINARY(a, 'base64')"),
        ("split_part(a, ',', i)", "SPLIT_PART(a, ',', NULLIF(NULLIF(TRY_CAST(i AS INT), 0), -2147483648))"),
        ("split_part(a, ',', -1)", "SPLIT_PART(a, ',', -1)"),
        ("slice(a, -2, n)", "SLICE(a, -2, NULLIF(GREATEST(TRY_CAST(n AS INT), -1), -1))"),
        ("slice(a, i - 1, 2)", "SLICE(a, NULLIF(NULLIF(TRY_CAST(TRY_SUBTRACT(i, 1) AS INT), 0), -2147483648), 2)"),
        ("n + 1 > 0 and a = 'it''s' and b = \"x\"\"y\"", r"""TRY_ADD(n, 1) > 0 AND a = 'it\'s' AND b = 'x"y'"""),
        ("log10(a) + log2(b)", "TRY_ADD(LOG10(a), LOG2(b))"),
        ("date_add(a, n)", "DATE_ADD(a, CASE WHEN n BETWEEN -4000000 AND 4000000 THEN n END)"),
        ("timestamp_millis(n)",
         "TIMESTAMP_MILLIS(CASE WHEN n BETWEEN -62135596800000 AND 253402300799000 THEN n END)"),
    ],
)  # fmt: skip
def test_what_can_overflow_or_fail_becomes_its_try_form(written: str, run: str) -> None:
    assert never_raising(written) == run


@pytest.mark.parametrize(
    "written",
    [
        "event rlike '^a\\\\d'", "element_at(tags,'a') = 'b'", "value % 0", "not is_bot",
        "dateadd(day,2,a)",
    ],
)  # fmt: skip
def test_the_rest_stays_as_written(written: str) -> None:
    assert never_raising(written) == written
