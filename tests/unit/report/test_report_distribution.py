"""The section of quantiles: whose they are, and a place for each at which the variants stand side by side."""

from __future__ import annotations

from typing import Any

import pytest
from page_reader import Page
from report_rows import metric, quantile_rows, report_data, result, undefined

from abspark.report.data import ReportData
from abspark.report.page import experiment_page


def page_of(data: ReportData) -> Page:
    return Page(experiment_page(data))


def drawn(rows: list[dict[str, Any]]) -> dict[str, Any]:
    [panel] = page_of(report_data([result()], quantiles=rows)).data["choosers"]["distribution"]["panels"]
    figure: dict[str, Any] = panel["figures"]["quantiles"]
    return figure


@pytest.mark.parametrize(("of", "whose"), [("units", "units"), ("events", "events")])
def test_a_quantile_is_of_units_or_of_events(of: str, whose: str) -> None:
    known = metric("load_ms", kind="quantile", value="ms", quantile=0.9, of=of)
    data = report_data([result()], quantiles=quantile_rows(), metrics={"load_ms": known})
    page = page_of(data)
    assert f"The value that a share of the {whose} is at or below, with its interval." in page.text
    assert [panel["note"] for panel in page.data["choosers"]["distribution"]["panels"]] == [""]


def test_where_both_are_on_the_page_each_says_which_it_is() -> None:
    metrics = {
        name: metric(name, kind="quantile", value="ms", quantile=0.9, of=of)
        for name, of in (("load_ms", "events"), ("spend", "units"))
    }
    rows = [*quantile_rows("load_ms"), *quantile_rows("spend")]
    page = page_of(report_data([result()], quantiles=rows, metrics=metrics))
    assert "The value that a share of the events or units is at or below" in page.text
    assert [panel["note"] for panel in page.data["choosers"]["distribution"]["panels"]] == [
        "The values of events.",
        "The values of units.",
    ]


def test_every_quantile_has_a_place_and_every_variant_a_part_of_it() -> None:
    figure = drawn(quantile_rows())
    assert [(trace["x"], trace["offsetgroup"]) for trace in figure["data"]] == [
        (["0.5", "0.9", "0.99"], "0"),
        (["0.5", "0.9", "0.99"], "1"),
    ]
    layout = figure["layout"]
    assert layout["scattermode"] == "group"
    assert (layout["xaxis"]["type"], layout["xaxis"]["categoryarray"]) == (
        "category", ["0.5", "0.9", "0.99"],
    )  # fmt: skip


def test_the_scale_is_that_of_the_intervals() -> None:
    """The intervals of the 0.99 quantile are 94 to 103 and 97.5 to 106.5; 8 % of 12.5 is added on both sides."""
    rows = [row for row in quantile_rows() if row["q"] == 0.99]
    assert drawn(rows)["layout"]["yaxis"]["range"] == pytest.approx([93, 107.5])
    alone = [row | {"value": 0.0, "value_low": None, "value_high": None} for row in rows]
    assert drawn(alone)["layout"]["yaxis"]["range"] == pytest.approx([-0.08, 0.08])


def test_lost_quantiles_are_not_told_as_none() -> None:
    known = {
        "load_ms": metric("load_ms", kind="quantile", value="ms", quantile=0.9),
        "other": metric("other"),
    }
    lost, title = "The table quantiles has no rows of the run any more", "How are the values distributed?"
    effects = [result("load_ms"), result("other")]
    assert lost in page_of(report_data(effects, metrics=known)).text
    for rows, quantiles in (
        (effects[1:], []),
        ([undefined("load_ms", "n_below_2")], []),
        ([result("unknown")], []),
        (effects, quantile_rows()),
    ):
        page = page_of(report_data(rows, metrics=known, quantiles=quantiles))
        assert lost not in page.text
        assert (title in page.text) == bool(quantiles)
