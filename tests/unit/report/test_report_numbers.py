from __future__ import annotations

import pytest
from page_reader import agrees

from abspark.report import numbers
from abspark.report.glyphs import interval_bar, sparkline


@pytest.mark.parametrize(
    ("text", "value", "same"),
    [
        ("+27.15%", 0.271549, True), ("+27.15%", 0.27156, False), ("1,234.5", 1234.54, True), ("—", None, True),
        ("—", 0.0, False), ("0.0003", 0.00029, True), ("2.1e-05", 2.13e-5, True), ("2.1e-05", 2.2e-5, False),
    ],
)  # fmt: skip
def test_the_test_of_agreement_can_fail(text: str, value: float | None, same: bool) -> None:
    assert agrees(text, value) is same


def test_numbers_for_people() -> None:
    assert numbers.number(1234567.0) == "1.2346e+06"
    assert numbers.number(12345.6) == "12,346"
    assert numbers.percent(-0.00456) == "-0.46%"
    assert numbers.p_value(0.0321) == "0.0321"
    assert numbers.p_value(3.2e-7) == "3.2e-07"
    assert numbers.p_value(5e-324) == "4.9e-324"
    assert numbers.p_value(0.0) == "0.0000"
    assert numbers.percent_interval(None, 0.1) == "open … +10.00%"
    assert numbers.percent_interval(None, None) == "—"
    assert numbers.decimal(12345.67) == "12,345.7"
    assert numbers.decimal(None) == "—"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "—"), (0, "0 B"), (999, "999 B"), (1_000, "1.0 kB"), (9_949, "9.9 kB"), (9_960, "10 kB"),
        (999_499, "999 kB"), (999_500, "1.0 MB"), (98_765_432, "99 MB"), (1.5e12, "1.5 TB"), (2.5e18, "2,500 PB"),
    ],
)  # fmt: skip
def test_sizes_have_two_or_three_digits(value: float | None, text: str) -> None:
    assert numbers.size(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.99999, "> 99.99%"), (0.99992, "> 99.99%"), (0.9999, "99.99%"), (1.0, "100.00%"), (0.00001, "< 0.01%"),
        (0.0001, "0.01%"), (0.0, "0.00%"), (0.5, "50.00%"),
    ],
)  # fmt: skip
def test_no_probability_is_rounded_to_certainty(value: float, text: str) -> None:
    assert numbers.probability(value) == text


def test_sparklines_go_from_lowest_to_highest() -> None:
    assert sparkline([0, 1, 2, 3, 4, 5, 6, 7]) == "▁▂▃▄▅▆▇█"
    assert sparkline([3, None, 1]) == "█ ▁"
    assert sparkline([2, 2]) == "▄▄"
    assert sparkline([None, None]) == ""


def test_long_series_are_thinned_and_keep_their_end() -> None:
    values: list[float | None] = [0.0] * 99
    assert sparkline([*values, 1.0], width=10) == "▁▁▁▁▁▁▁▁▁█"


def test_bars_show_interval_estimate_and_zero() -> None:
    assert interval_bar(5, 2, 8, ends=(-10, 10), width=21) == "          ┆ ━━━●━━━"
    assert interval_bar(5, -2, None, ends=(-10, 10), width=21) == "        ━━┿━━━━●━━━━━"
    assert interval_bar(5, None, None, ends=(-10, 10), width=21) == "          ┆    ●"
    assert interval_bar(5, -20, 30, ends=(-10, 10), width=21) == "◂━━━━━━━━━┿━━━━●━━━━▸"
    assert interval_bar(15, 5, 30, ends=(-10, 10), width=21) == "          ┆    ━━━━━▸"
    assert interval_bar(None, None, None, ends=(-1, 1)) == ""
