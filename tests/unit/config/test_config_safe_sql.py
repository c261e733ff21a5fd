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
    ],
)  # fmt: skip
def test_what_can_overflow_or_fail_becomes_its_try_form(written: str, run: str) -> None:
    assert never_raising(written) == run


@pytest.mark.parametrize(
    "written", ["event rlike '^a\\\\d'", "element_at(tags,'a') = 'b'", "value / 0", "not is_bot"]
)
def test_the_rest_stays_as_written(written: str) -> None:
    assert never_raising(written) == written
