"""What the scorecard and the plots of intervals show of rows that lack an interval, a verdict or a common level."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from page_reader import Page
from report_rows import experiment, metric, report_data, result, segment_rows, series, undefined

from abspark.report.data import ReportData
from abspark.report.figures import interval_trace
from abspark.report.page import experiment_page
from abspark.report.pictures import scorecard_picture, series_picture

NO_INTERVAL = dict.fromkeys(("effect_low", "effect_high", "relative_low", "relative_high"))


def read(data: ReportData) -> Page:
    return Page(experiment_page(data))


def picture_texts(data: ReportData) -> list[str]:
    figure = scorecard_picture(data)
    assert figure is not None
    return [text.get_text() for text in figure.axes[0].texts]


def verdict(row: dict[str, Any]) -> str:
    return read(report_data([row])).rows("scorecard-table")[0]["significant"]


def test_the_reason_follows_the_verdict() -> None:
    """Crossed at a look before; and a relative effect that is undefined leaves the test as it is."""
    assert verdict(result()) == "better"
    carried = result(**NO_INTERVAL, method="group_sequential", reason="not_a_look")
    assert verdict(carried) == "better. The day is none of the planned looks."
    unproven = result(significant=False, method="group_sequential", reason="not_a_look")
    assert verdict(unproven) == "not shown to differ. The day is none of the planned looks."
    negative = {"mean_control": -1.0, "relative_effect": None, "relative_low": None, "relative_high": None}
    assert verdict(result(**negative, reason="control_mean_not_positive")) == (
        "better. The control mean is not above zero, so nothing can be relative to it."
    )


def test_a_margin_that_held_at_a_look_is_told_on_the_days_after_it() -> None:
    row = result(role="guardrail", significant=False, margin=0.02, non_inferior=True, reason="not_a_look")
    assert verdict(row) == "not shown to differ, within its margin. The day is none of the planned looks."


def test_a_bayesian_verdict_is_told_beside_an_unbounded_interval() -> None:
    numbers = {"p_value": None, "p_adjusted": None, "significant": None, "prob_better": 0.99}
    assert verdict(result(**numbers, method="bayesian", reason="fieller_unbounded")) == (
        "better. The control mean is not distinguishable from zero, so Fieller's set is unbounded."
    )


def test_where_the_effect_is_undefined_the_reason_is_the_verdict() -> None:
    assert verdict(undefined("conversion")) == "A variant has fewer than two units, so its spread is unknown."


def test_a_relative_margin_is_in_per_cent() -> None:
    chosen = experiment(
        guardrails=[
            {"metric": "load_ms", "margin": {"relative": 0.02}},
            {"metric": "errors", "margin": {"absolute": 0.02}},
            {"metric": "visits"},
        ]
    )
    margins = {"load_ms": 0.02, "errors": 0.02, "visits": None}
    rows = [result(name, role="guardrail", margin=margin) for name, margin in margins.items()]
    lines = read(report_data(rows, of=chosen)).rows("scorecard-table")
    assert {line["metric"]: line["margin"] for line in lines} == {
        "load_ms": "2 %", "errors": "0.02", "visits": "—",
    }  # fmt: skip


def test_a_level_that_all_intervals_have_is_named_once() -> None:
    data = report_data([result(), result("visits", role="secondary")])
    page = read(data)
    assert "with their 95 % interval" in page.text
    assert "" not in page.columns["scorecard-table"]
    assert picture_texts(data) == ["+15.20%  (+5.08% … +25.32%)"] * 2 + [
        "relative effect against control, 95 % intervals"
    ]


def test_levels_that_differ_are_named_by_row() -> None:
    """Alpha of 0.05 split over two primary metrics; a guardrail keeps all of it."""
    rows = [result("a", alpha=0.025), result("b", alpha=0.025), result("load_ms", role="guardrail")]
    data = report_data(rows, of=experiment(("a", "b"), guardrails=[{"metric": "load_ms"}]))
    page = read(data)
    assert "Its level differs between metrics: see the table." in page.text
    assert [line[""] for line in page.rows("scorecard-table")] == ["97.5 %", "97.5 %", "95 %"]
    *shown, title = picture_texts(data)
    assert [text.split(":")[0] for text in shown] == [
        "+15.20%  (97.5 %",
        "+15.20%  (97.5 %",
        "+15.20%  (95 %",
    ]
    assert "97.5" not in title


@pytest.mark.parametrize(("adjusted", "shown"), [(0.0612, "0.0612"), (None, "0.0019")])
def test_what_is_hovered_has_the_p_that_decides(adjusted: float | None, shown: str) -> None:
    [panel] = read(report_data([result(p_adjusted=adjusted)])).data["choosers"]["scorecard"]["panels"]
    [trace] = panel["figures"]["intervals"]["data"]
    assert trace["customdata"] == [
        "<b>conversion</b><br>+15.20%  (+5.08% … +25.32%)<br>control 0.081235, treatment 0.09358"
        f"<br>p = {shown}"
    ]


def test_an_interval_is_drawn_as_far_as_it_is_known() -> None:
    """An open end reaches the edge of the axis, (-1, 1); without both ends the estimate stands alone."""
    points = [(0.1, -0.2, 0.4), (0.1, None, 0.4), (0.1, -0.2, None), (0.1, None, None)]
    trace = interval_trace(points, range(4), [""] * 4, standing="open", ends=(-1.0, 1.0))
    assert trace["error_x"]["arrayminus"] == pytest.approx([0.3, 1.1, 0.3, 0.0])
    assert trace["error_x"]["array"] == pytest.approx([0.3, 0.3, 0.9, 0.0])


@pytest.mark.parametrize(("chooser", "slot"), [("scorecard", "intervals"), ("segments", "forest")])
def test_a_page_draws_an_estimate_without_an_interval_alone(chooser: str, slot: str) -> None:
    rows = [result(**NO_INTERVAL, reason="not_a_look"), *segment_rows("conversion", 1, **NO_INTERVAL)]
    [panel] = read(report_data(rows)).data["choosers"][chooser]["panels"]
    [trace] = panel["figures"][slot]["data"]
    assert trace["error_x"]["array"] == trace["error_x"]["arrayminus"] == [0.0]


def test_a_picture_draws_an_estimate_without_an_interval_alone() -> None:
    figure = scorecard_picture(report_data([result("a"), result("b", **NO_INTERVAL)]))
    assert figure is not None
    spans = {
        float(line.get_ydata()[0]): list(line.get_xdata())
        for line in figure.axes[0].lines
        if line.get_linewidth() == 2.2
    }
    assert spans[0.0] == pytest.approx([0.0507654, 0.253183])
    assert np.isnan(spans[1.0]).all()


def test_a_picture_of_days_has_a_gap_where_there_is_no_interval() -> None:
    """Six days, of which the third has no interval: two bands, of two days and of three."""
    rows: list[dict[str, Any]] = series(days=6)
    rows[2] |= NO_INTERVAL
    figure = series_picture(report_data(rows))
    assert figure is not None
    [band] = figure.axes[0].collections
    assert len(band.get_paths()) == 2


def test_a_harmed_guardrail_is_told_from_an_undecided_one() -> None:
    """With and without a margin, and before the end, when harm alone is watched for."""
    worse = {"role": "guardrail", "effect": -0.01, "statistic": -3.0}
    rows = [
        result("harmed", margin=0.02, non_inferior=False, harmed=True, **worse),
        result("open", margin=0.02, non_inferior=False, harmed=False, **worse),
        result("bare", harmed=True, **worse),
        result("early", margin=0.02, harmed=True, **worse | {"significant": None, "reason": "not_finished"}),
    ]
    chosen = experiment((), guardrails=[{"metric": row["metric"]} for row in rows])
    page = read(report_data(rows, of=chosen))
    [panel] = page.data["choosers"]["scorecard"]["panels"]
    place = page.columns["scorecard-table"].index("significant")
    assert [(cells[0][0], cells[place][0], cells[place][2]) for cells in panel["rows"]] == [
        ("harmed", "worse, harmed: significantly worse than its margin", "bad"),
        ("open", "worse, margin not ruled out", "bad"),
        ("bare", "worse, harmed", "bad"),
        (
            "early",
            "no verdict, harmed: significantly worse than its margin. The experiment or its last window has not "
            "ended, so there is no verdict yet.",
            "bad",
        ),
    ]


@pytest.mark.parametrize(
    ("row", "told"),
    [
        (
            result(significant=None, reason="not_finished"),
            "no verdict. The experiment or its last window has not ended, so there is no verdict yet.",
        ),
        (
            result(significant=None, method="group_sequential", reason="not_a_look"),
            "no verdict. The day is none of the planned looks.",
        ),
        (
            result(
                significant=None, p_value=None, p_adjusted=None, method="bayesian", prob_better=0.999,
                reason="below_min_sample_size",
            ),
            "no verdict. A variant has fewer units than min_sample_size, so there is no verdict yet.",
        ),
    ],
)  # fmt: skip
def test_what_was_not_tested_has_no_verdict(row: dict[str, Any], told: str) -> None:
    """It is neither shown to differ nor tested and not shown to: in the table, the legend and the plot."""
    page = read(report_data([row]))
    assert page.rows("scorecard-table")[0]["significant"] == told
    [panel] = page.data["choosers"]["scorecard"]["panels"]
    [trace] = panel["figures"]["intervals"]["data"]
    assert trace["marker"]["symbol"] == "circle-open"
    assert panel["figures"]["intervals"]["alt"].endswith("+15.20%, no verdict.")
    assert "○ no verdict" in page.text
    assert "○ no verdict" not in read(report_data([result(significant=False)])).text


FIXED_P = "would show a difference at least this large"
SEQUENTIAL_P = "the smallest alpha at which some look so far would have shown an effect"


@pytest.mark.parametrize(
    ("method", "said"),
    [
        ("fixed", (True, False, False)),
        ("anytime", (False, True, False)),
        ("group_sequential", (False, True, False)),
        ("bayesian", (False, False, True)),
    ],
)
def test_p_is_explained_as_what_the_method_makes_it(method: str, said: tuple[bool, ...]) -> None:
    numbers = {"p_value": None, "p_adjusted": None, "prob_better": 0.99} if method == "bayesian" else {}
    text = read(report_data([result(method=method, **numbers)])).text
    explained = text.split("How to read p and the interval")[1].split("For whom?")[0]
    given = (FIXED_P, SEQUENTIAL_P, "what the prior and the data together say")
    assert tuple(words in explained for words in given) == said
    assert f"In a sequential test: {SEQUENTIAL_P}." in text


@pytest.mark.parametrize(("kind", "excluded"), [("delta", False), ("fieller", True)])
def test_the_doubt_about_a_relative_interval_is_that_of_its_kind(kind: str, *, excluded: bool) -> None:
    chosen = experiment(analysis={"relative_interval": kind})
    text = read(report_data([result()], of=chosen)).text
    assert ("It excludes zero exactly where p is below alpha" in text) == excluded
    assert ("that of an increase may just touch zero" in text) != excluded


def test_a_bayesian_page_says_how_guardrails_are_judged() -> None:
    numbers = {"p_value": None, "p_adjusted": None, "significant": None, "prob_better": 0.02}
    rows = [
        result(method="bayesian", **numbers),
        result("load_ms", method="bayesian", role="guardrail", margin=0.02, harmed=True, **numbers),
    ]
    chosen = experiment(guardrails=[{"metric": "load_ms", "margin": {"relative": 0.02}}])
    told = "Guardrails keep their test of a fixed horizon"
    both, alone = read(report_data(rows, of=chosen)).text, read(report_data(rows[:1])).text
    assert (both.count(told), alone.count(told)) == (
        2,
        1,
    )  # beside the table, and where methods are explained


def test_the_estimate_at_stopping_is_shown_where_there_is_one() -> None:
    stopped = {
        "stopped_effect": 0.0101, "stopped_low": 0.0021, "stopped_high": 0.0187, "stopped_p_value": 0.0123,
    }  # fmt: skip
    rows = [result(method="group_sequential", **stopped), result("visits", method="group_sequential")]
    page = read(report_data(rows))
    shown = [
        {name: line[name] for name in ("stopped_effect", "stopped_low stopped_high", "stopped_p_value")}
        for line in page.rows("scorecard-table")
    ]
    assert shown == [
        {
            "stopped_effect": "+0.0101", "stopped_low stopped_high": "+0.0021 … +0.0187",
            "stopped_p_value": "0.0123",
        },
        {"stopped_effect": "—", "stopped_low stopped_high": "—", "stopped_p_value": "—"},
    ]  # fmt: skip
    told = "As estimated at stopping, in the metric's unit: +0.0101 (+0.0021 … +0.0187), p = 0.0123"
    assert told in page.text
    without = read(report_data([result(method="group_sequential")]))
    assert "stopped_effect" not in without.columns["scorecard-table"]
    assert "estimated at stopping" not in without.text


def test_an_absolute_margin_has_the_metrics_unit() -> None:
    guardrails = [{"metric": name, "margin": {"absolute": 1}} for name in ("spend", "visits")]
    rows = [result(name, role="guardrail", margin=1.0) for name in ("spend", "visits")]
    metrics = {
        "spend": metric("spend", kind="mean", value="amount", unit_label="EUR"),
        "visits": metric("visits", kind="mean", value="n"),
    }
    lines = read(report_data(rows, of=experiment((), guardrails=guardrails), metrics=metrics)).rows(
        "scorecard-table"
    )
    assert [line["margin"] for line in lines] == ["1 EUR", "1"]
