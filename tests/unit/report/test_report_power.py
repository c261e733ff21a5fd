"""The smallest detectable effects, by the critical value of the test that judges each row."""

from __future__ import annotations

from datetime import timedelta
from math import log, sqrt
from typing import Any

import pytest
from page_reader import Page
from report_rows import DAY, experiment, metric, report_data, result, series, undefined
from scipy import stats

from abspark.report.data import ReportData
from abspark.report.detectable import detectable, family_sizes
from abspark.report.page import experiment_page
from abspark.stats.anytime import tuned_rho

ERROR = 0.0039683
UNITS = 4 / (1 / 10_123 + 1 / 9_876)
"""Units of equal arms that would tell as much."""
Z_POWER = stats.norm.isf(0.2)


def read(data: ReportData) -> Page:
    return Page(experiment_page(data))


def sizes(rows: list[dict[str, Any]], **analysis: Any) -> list[float | None]:
    """In standard errors."""
    known = [row for row in rows if row["std_error"]]
    found = detectable(known, experiment(analysis=analysis), family_sizes(rows))
    return [None if size is None else size / ERROR for size in found]


def test_a_group_sequential_test_needs_its_boundary() -> None:
    plan = {"method": "group_sequential", "group_sequential": {"planned_units": 20_000}}
    rows = [
        result(method="group_sequential", p_adjusted=None, alpha=0.025, boundary=2.7),
        result("load_ms", role="guardrail", method="group_sequential", p_adjusted=None, boundary=3.1),
        result("visits", method="group_sequential", p_adjusted=None, alpha=0.025, boundary=None),
    ]
    assert sizes(rows, **plan) == [pytest.approx(2.7 + Z_POWER), pytest.approx(3.1 + Z_POWER), None]


@pytest.mark.parametrize(
    ("correction", "share"), [("holm", 1 / 3), ("benjamini_hochberg", 1 / 3), ("benjamini_yekutieli", 2 / 11)]
)
def test_a_family_is_held_to_the_strictest_level(correction: str, share: float) -> None:
    """alpha / 3, for Benjamini and Yekutieli over 1 + 1/2 + 1/3 as well; a secondary metric has alpha."""
    rows = [result(), result("visits"), result("sales", p_adjusted=0.4)]
    rows.append(result("clicks", role="secondary", p_adjusted=None))
    expected = [stats.norm.isf(0.025 * share) + Z_POWER] * 3 + [stats.norm.isf(0.025) + Z_POWER]
    assert sizes(rows, correction=correction) == pytest.approx(expected, rel=1e-3)


def test_guardrails_have_both_sides_in_one_sided_experiments() -> None:
    rows = [result(), result("load_ms", role="guardrail", p_adjusted=None)]
    expected = [stats.norm.isf(0.05) + Z_POWER, stats.norm.isf(0.025) + Z_POWER]
    assert sizes(rows, sides=1) == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("tau", [None, 0.02])
@pytest.mark.parametrize("sides", [1, 2])
def test_an_anytime_interval_widens_with_the_family(sides: int, tau: float | None) -> None:
    """The half-width at alpha / 2 by hand (arXiv:2103.06476, thm 2.2); g is units rho^2, or tau^2 / error^2."""
    rho = float(tuned_rho(5000, alpha=0.05, sides=sides))
    g = UNITS * rho**2 if tau is None else (tau * 0.0812345 / ERROR) ** 2

    def width(alpha: float) -> float:
        odds = sqrt(g + 1) / alpha if sides == 2 else 1 + sqrt(g + 1) / (2 * alpha)
        return sqrt(2 * (g + 1) / g * log(odds))

    alone = result(method="anytime", boundary=width(0.05))
    pair = [alone, result("visits", method="anytime", boundary=width(0.05))]
    settings = {
        "method": "anytime",
        "sides": sides,
        "anytime": {"tuned_at": 5000} if tau is None else {"tau": tau},
    }
    assert sizes([alone], **settings) == [pytest.approx(width(0.05) + Z_POWER)]
    assert sizes(pair, **settings) == [pytest.approx(width(0.025) + Z_POWER)] * 2


def test_an_anytime_interval_on_a_ramp_has_the_width_of_its_harmonic_units() -> None:
    """Equal weights by now, and one unit in ten treated: 400 units of equal arms would tell as much."""
    g = 400 * float(tuned_rho(5000, alpha=0.05, sides=2)) ** 2

    def width(alpha: float) -> float:
        return sqrt(2 * (g + 1) / g * log(sqrt(g + 1) / alpha))

    ramp = {"method": "anytime", "boundary": width(0.05), "n_control": 1000, "n_treatment": 1000 / 9}
    pair = [result(**ramp), result("visits", **ramp)]
    settings = {"method": "anytime", "anytime": {"tuned_at": 5000}}
    assert sizes(pair, **settings) == [pytest.approx(width(0.025) + Z_POWER)] * 2


def test_the_bar_is_on_the_sides_that_can_turn_out_significant() -> None:
    """One-sided at 5 %: (1.64485 + 0.84162) x 0.0039683 / 0.0812345 = 12.15 %; a guardrail has both sides, 13.69 %."""
    chosen = experiment(("a", "load_ms"), guardrails=[{"metric": "errors"}], analysis={"sides": 1})
    known = {name: metric(name) for name in ("a", "errors")} | {
        "load_ms": metric("load_ms", direction="decrease")
    }
    rows = [
        result("a", p_adjusted=None),
        result("load_ms", p_adjusted=None),
        result("errors", role="guardrail", p_adjusted=None),
    ]
    page = read(report_data(rows, of=chosen, metrics=known))
    bars, _ = page.data["figures"]["power"]["data"]
    one, two = ((stats.norm.isf(tail) + Z_POWER) * ERROR / 0.0812345 for tail in (0.05, 0.025))
    assert bars["base"] == pytest.approx([0, -one, -two], rel=1e-3)
    assert bars["x"] == pytest.approx([one, one, 2 * two], rel=1e-3)
    assert [told.split("<br>")[1] for told in bars["customdata"]] == [
        "smallest detectable: +12.15%", "smallest detectable: -12.15%", "smallest detectable: ±13.69%",
    ]  # fmt: skip
    told = "A test of one side shows effects to that side only"
    assert told in page.text
    assert told not in read(report_data(rows, of=experiment(("a", "load_ms")))).text


def test_the_latest_look_is_shown_where_the_latest_day_has_none() -> None:
    plan = {"method": "group_sequential", "group_sequential": {"planned_units": 20_000}}
    *rows, last = series(days=5, method="group_sequential")
    rows = [row | {"p_adjusted": None, "n_control": 900 + row["day"].day} for row in rows]
    unlooked = last | {"p_adjusted": None, "boundary": None, "reason": "day_not_over"}
    assert unlooked["day"] == DAY
    page = read(report_data([*rows, unlooked], of=experiment(analysis=plan)))
    [line] = page.tables["power-table"][1:]
    assert line[2][1] == f"{900 + DAY.day - 1 + 9_876:,}"
    assert line[4][1] == f"{(rows[-1]['boundary'] + Z_POWER) * ERROR:,.5g}"
    assert "crosses its boundary at the latest look with a probability of 80 %" in page.text


def test_the_page_says_that_a_family_is_held_to_the_strictest() -> None:
    told = "taken at its strictest for each primary metric"
    assert told not in read(report_data([result()])).text
    assert told in read(report_data([result(), result("visits")])).text


@pytest.mark.parametrize(("correction", "share"), [("bonferroni", 1 / 2), ("benjamini_yekutieli", 1 / 3)])
def test_a_primary_metric_that_awaits_its_p_is_of_the_anytime_family(correction: str, share: float) -> None:
    """The strictest level of the two: alpha / 2, for Benjamini and Yekutieli over 1 + 1/2 as well."""
    rho = float(tuned_rho(5000, alpha=0.05, sides=2))
    g = UNITS * rho**2

    def width(alpha: float) -> float:
        return sqrt(2 * (g + 1) / g * log(sqrt(g + 1) / alpha))

    alone = result(method="anytime", boundary=width(0.05))
    visits = undefined("visits", "zero_variance", method="anytime", boundary=None)
    before = result("visits", method="anytime", boundary=width(0.05), day=DAY - timedelta(days=1))
    clicks = undefined("clicks", "zero_variance", method="anytime", boundary=None, role="secondary")
    analysis = {"method": "anytime", "correction": correction, "anytime": {"tuned_at": 5000}}
    expected = width(0.05 * share) + Z_POWER
    assert sizes([alone, visits, clicks], **analysis) == [pytest.approx(expected)]
    chosen = experiment(("conversion", "visits", "clicks"), analysis=analysis)
    for earlier in ([], [before]):
        page = read(report_data([*earlier, alone, visits, clicks], of=chosen))
        first, *_ = page.tables["power-table"][1:]
        assert (first[0][1], first[4][1]) == ("conversion", f"{expected * ERROR:,.5g}")
        assert "taken at its strictest for each primary metric" in page.text


def test_a_fixed_test_without_a_p_is_of_no_family() -> None:
    rows = [result(), undefined("visits")]
    assert sizes(rows) == [pytest.approx(stats.norm.isf(0.025) + Z_POWER, rel=1e-3)]


def test_the_bar_is_explained_by_its_end() -> None:
    """The effects within it are missed more or less often: at its end one in five, which is not probably."""
    text = read(report_data([result()])).text
    assert (
        "An effect at the end of the bar turns out significant with a probability of 80 %. The nearer an effect is "
        "to zero, the smaller that probability." in text
    )
    assert "probably have missed" not in text
