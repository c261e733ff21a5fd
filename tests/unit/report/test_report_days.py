"""The section of the days: its scale, what lies beyond it, boundaries and looks."""

from __future__ import annotations

from typing import Any

import pytest
from page_reader import Page
from report_rows import exposure_series, report_data, result, row, series

from abspark.report.data import ReportData
from abspark.report.page import experiment_page


def page_of(data: ReportData) -> Page:
    return Page(experiment_page(data))


def test_a_day_without_a_relative_effect_is_a_gap() -> None:
    first, *others = series(days=4)
    rows = [first | {"relative_effect": None, "relative_low": None, "relative_high": None}, *others]
    [panel] = page_of(report_data(rows)).data["choosers"]["series"]["panels"]
    drawn = panel["figures"]["effects"]["data"][-1]["y"]
    assert drawn == [None, *(made["relative_effect"] for made in others)]


def wide_first(days: int, **given: Any) -> list[dict[str, Any]]:
    """A series whose first interval is ten times as wide as the others, which are -0.05 to 0.35 or narrower."""
    first, *others = series(days=days, **given)
    narrow = [row | {"relative_low": 0.05, "relative_high": 0.25} for row in others]
    return [first | {"relative_low": -1.4, "relative_high": 2.6}, *narrow]


def test_the_scale_of_the_days_is_that_of_the_later_ones() -> None:
    [panel] = page_of(report_data(wide_first(14))).data["choosers"]["series"]["panels"]
    figure = panel["figures"]["effects"]
    low, high = figure["layout"]["yaxis"]["range"]
    assert (low, high) == pytest.approx((-0.02, 0.27))  # 0 to 0.25, and 8 % of that on both sides
    marks = figure["data"][2]
    assert marks["x"] == ["2026-03-02"] * 2
    assert marks["y"] == pytest.approx([-0.02 + 0.00725, 0.27 - 0.00725])  # a fortieth of the axis inside
    assert marks["marker"]["symbol"] == ["triangle-down", "triangle-up"]
    assert all("-140.00% … +260.00%" in told for told in marks["customdata"])
    assert "Triangles at the edge" in panel["note"]
    assert panel["rows"][0][5][0] == "-140.00% … +260.00%"


def test_where_no_day_is_far_wider_all_of_them_are_in_the_plot() -> None:
    rows = [row | {"relative_low": 0.05, "relative_high": 0.25} for row in series(days=14)]
    [panel] = page_of(report_data(rows)).data["choosers"]["series"]["panels"]
    assert len(panel["figures"]["effects"]["data"]) == 3
    assert panel["note"] == ""


def test_open_intervals_of_days_reach_the_edge() -> None:
    rows = [row | {"relative_high": None, "effect_high": None} for row in wide_first(6)]
    [panel] = page_of(report_data(rows)).data["choosers"]["series"]["panels"]
    figure = panel["figures"]["effects"]
    assert figure["data"][1]["y"] == [figure["layout"]["yaxis"]["range"][1]] * 6


def test_first_boundaries_do_not_flatten_the_statistic() -> None:
    rows = series(days=9, method="group_sequential")
    rows[0] |= {"boundary": 30.0}
    [panel] = page_of(report_data(rows)).data["choosers"]["series"]["panels"]
    figure = panel["figures"]["boundaries"]
    assert figure["layout"]["yaxis"]["range"][1] < 8
    marks = figure["data"][0]
    assert marks["x"][:2] == ["2026-03-07"] * 2
    assert "boundary ±30" in marks["customdata"][0]


@pytest.mark.parametrize(
    ("open_end", "side", "told"),
    [("effect_high", 1, "boundary 6<"), ("effect_low", -1, "boundary -6<")],
)
def test_a_one_sided_test_has_one_boundary(open_end: str, side: int, told: str) -> None:
    """Only a statistic that far on the good side stops it; its interval is open on that side."""
    two = [
        made | {"boundary": 6.0, "statistic": -0.5 * side}
        for made in series(days=5, method="group_sequential")
    ]
    one = [made | {open_end: None} for made in two]
    drawn = {}
    for name, rows in (("one", one), ("two", two)):
        [panel] = page_of(report_data(rows)).data["choosers"]["series"]["panels"]
        drawn[name] = panel["figures"]["boundaries"]
    dotted = {
        name: [trace["y"] for trace in figure["data"] if trace["line"].get("dash") == "dot"]
        for name, figure in drawn.items()
    }
    assert dotted == {"one": [[6.0 * side] * 5], "two": [[6.0] * 5, [-6.0] * 5]}
    [hovers] = [trace["customdata"] for trace in drawn["one"]["data"] if "customdata" in trace]
    assert all(told in hover for hover in hovers)
    low, high = drawn["one"]["layout"]["yaxis"]["range"]
    assert (low > -6, high < 6) == (side > 0, side < 0)


def test_looks_are_counted() -> None:
    looks = [
        row("looks", metric="conversion", treatment="treatment", day=made["day"], backfilled=place < 2)
        for place, made in enumerate(series(days=5))
    ]
    rows = series(days=5, method="group_sequential")
    [panel] = page_of(report_data(rows, looks=looks)).data["choosers"]["series"]["panels"]
    assert panel["note"].startswith("5 looks, 2 made after their day.")


def test_the_boundary_for_futility_is_drawn_where_there_is_one() -> None:
    rows = series(days=4, method="group_sequential")
    data = page_of(report_data(rows))
    panel = data.data["choosers"]["series"]["panels"][0]
    drawn = [trace["y"] for trace in panel["figures"]["boundaries"]["data"]]
    assert [row["futility_boundary"] for row in rows] in drawn
    assert [cells[-1][1] for cells in panel["rows"]] == [-0.25, 0.5, 1.25, 2.0]
    assert data.columns["series-table"][-1] == "futility_boundary"
    without = [row | {"futility_boundary": None} for row in rows]
    html = experiment_page(report_data(without))
    panel = Page(html).data["choosers"]["series"]["panels"][0]
    assert len(panel["figures"]["boundaries"]["data"]) == len(drawn) - 1
    assert "futil" in experiment_page(report_data(rows)).split('id="series"')[1].split('id="verdict"')[0]
    assert "futil" not in html.split('id="series"')[1].split('id="verdict"')[0]


def test_anytime_has_boundaries_and_no_alpha_to_spend() -> None:
    rows = [made | {"boundary": 3.2} for made in series(days=4, method="anytime")]
    page = page_of(report_data(rows))
    assert page.columns["series-table"][-3:] == ["p_value", "statistic", "boundary"]
    figure = page.data["choosers"]["series"]["panels"][0]["figures"]["boundaries"]
    assert figure["alt"] == "conversion: the test statistic against its stopping boundaries at 4 looks."
    assert "yaxis2" not in figure["layout"]
    assert "domain" not in figure["layout"]["yaxis"]
    [hovers] = [trace["customdata"] for trace in figure["data"] if "customdata" in trace]
    assert not [told for told in hovers if "spent" in told]
    assert "alpha spent" not in page.text.lower()


def test_what_a_group_sequential_test_spends_is_alpha_and_no_share_of_it() -> None:
    page = page_of(report_data(series(days=4, method="group_sequential")))
    figure = page.data["choosers"]["series"]["panels"][0]["figures"]["boundaries"]
    assert figure["layout"]["yaxis2"]["title"] == {"text": "alpha spent"}
    assert figure["alt"].endswith("at 4 looks, and the alpha spent.")
    assert ", and the alpha spent so far." in page.text
    assert "share of alpha" not in page.text


def test_days_of_a_posterior_have_its_probability_and_no_p() -> None:
    numbers = {"p_value": None, "p_adjusted": None, "statistic": None, "prob_better": 0.9}
    page = page_of(report_data([made | numbers for made in series(days=4, method="bayesian")]))
    assert page.columns["series-table"] == [
        "day", "n_control", "n_treatment", "effect", "relative_effect", "relative_low relative_high", "prob_better",
    ]  # fmt: skip


def test_one_day_has_no_series() -> None:
    page = page_of(report_data([result()]))
    assert "no results of several days" in page.text
    assert "series" not in page.data["choosers"]


def test_days_since_exposure_have_a_chooser_of_their_own() -> None:
    late_first = exposure_series()[::-1]
    data = report_data(series(days=4), since_exposure=late_first)
    page = page_of(data)
    [panel] = page.data["choosers"]["exposure"]["panels"]
    drawn = panel["figures"]["effects"]["data"][-1]
    assert drawn["x"] == list(range(7))
    assert drawn["y"] == [row["relative_effect"] for row in exposure_series()]
    assert page.columns["exposure-table"][0] == "exposure_day"
    assert page.data["choosers"]["series"] == page_of(report_data(series(days=4))).data["choosers"]["series"]
    assert "exposure" not in page_of(report_data(series(days=4))).data["choosers"]
