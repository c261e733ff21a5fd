"""The page says what the tables say, whatever is in them or missing from them."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from typing import Any

import plotly.graph_objects as go
import pytest
from doc_blocks import ROOT
from page_reader import Page, agrees
from report_rows import (
    check,
    drop,
    everything,
    experiment,
    large,
    metric,
    report_data,
    result,
    row,
    run_record,
    segment_rows,
    series,
    undefined,
)

from abspark.config.health import Health
from abspark.errors import UsageError
from abspark.reasons import DROPS
from abspark.report import page as pages
from abspark.report.data import ReportData
from abspark.report.page import experiment_page
from abspark.report.sections.answer import answer
from abspark.report.sections.ledger import ledger
from abspark.report.words import CHECKS

SECTIONS = (
    "answer", "trust", "scorecard", "segments", "series", "verdict", "ledger", "exposures", "distribution", "power",
    "method", "glossary",
)  # fmt: skip
NASTY = (
    "<script>alert(1)</script>", "\"'`", "مرحبا بالعالم", "🎉👩‍👩‍👧", "a" * 500, "</script><!--",
    "${x}{{ y }}", "$x$ & <b>",
)  # fmt: skip


@pytest.fixture(scope="module")
def page() -> Page:
    return page_of(everything())


def page_of(data: ReportData) -> Page:
    return Page(experiment_page(data))


def figures(content: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield from content["figures"].values()
    for chooser in content["choosers"].values():
        for panel in chooser["panels"]:
            yield from panel["figures"].values()


def texts(cells: Iterable[list[Any]]) -> list[str]:
    return [cell[0] for cell in cells]


def test_every_section_is_there_in_order(page: Page) -> None:
    assert tuple(given.get("id") for tag, given in page.elements if tag == "section") == SECTIONS


def coloured(value: Any) -> Any:
    """The figure with one colour for every name of a colour."""
    if isinstance(value, dict):
        return {key: coloured(part) for key, part in value.items()}
    if isinstance(value, list):
        return [coloured(part) for part in value]
    return "#123456" if isinstance(value, str) and value.startswith("@") else value


def test_figures_are_what_plotly_takes(page: Page) -> None:
    made = list(figures(page.data))
    assert len(made) > 15
    for figure in made:
        assert figure["alt"]
        go.Figure(coloured({"data": figure["data"], "layout": figure["layout"]}))


def compared(columns: Iterable[str], cells: Iterable[str], source: dict[str, Any]) -> int:
    """How many numbers of a row were compared with the table's; a cell of two columns holds an interval."""
    count = 0
    for column, text in zip(columns, cells, strict=True):
        names = [name for name in column.split() if name in source]
        values = [source[name] for name in names]
        if not all(value is None or type(value) in (int, float) for value in values):
            continue
        shown = text.split(" … ") if len(names) == 2 and text != "—" else [text] * len(names)
        for part, value in zip(shown, values, strict=True):
            assert agrees(part, value), (column, part, value)
            count += value is not None
    return count


def test_every_number_equals_the_tables_number(page: Page) -> None:
    data, choosers = everything(), page.data["choosers"]
    pairs: list[tuple[str, list[list[Any]], list[dict[str, Any]]]] = []
    for panel, treatment in zip(choosers["scorecard"]["panels"], data.treatments, strict=True):
        pairs.append(
            ("scorecard", panel["rows"], [r for r in data.headlines() if r["treatment"] == treatment])
        )
    for panel, pair in zip(choosers["series"]["panels"], data.comparisons, strict=True):
        pairs.append(("series", panel["rows"], data.series(pair)))
    for panel, pair in zip(choosers["segments"]["panels"], data.comparisons, strict=True):
        mine = [r for r in data.results if r["segment_name"] and (r["metric"], r["treatment"]) == pair]
        pairs.append(("segments", panel["rows"], mine))
    for panel in choosers["ledger"]["panels"]:
        mine = [next(r for r in data.drops if r["reason"] == cells[1][0]) for cells in panel["rows"]]
        pairs.append(("ledger", panel["rows"], mine))
    pairs.append(("distribution", choosers["distribution"]["panels"][0]["rows"], list(data.quantiles)))
    count = 0
    for table, rows, sources in pairs:
        for cells, source in zip(rows, sources, strict=True):
            count += compared(page.columns[f"{table}-table"], texts(cells), source)
    assert count > 900


def test_the_first_panels_are_in_the_page_without_a_script(page: Page) -> None:
    for name, chooser in page.data["choosers"].items():
        written = [[text for _, text in cells] for cells in page.tables[f"{name}-table"][1:]]
        assert written == [texts(cells) for cells in chooser["panels"][0]["rows"]]


def test_values_to_sort_by_are_the_tables_own() -> None:
    page = page_of(report_data([result()]))
    [cells] = page.data["choosers"]["scorecard"]["panels"][0]["rows"]
    place = page.columns["scorecard-table"].index("p_value")
    assert cells[place][:2] == ["0.0019", 0.00186437]


def test_an_interval_keeps_both_ends_in_full() -> None:
    """For the script, by the columns that a heading names: what is sorted by, and what is exported."""
    data = everything()
    sources = {
        "scorecard": data.headlines()[0],
        "series": data.series(data.comparisons[0])[0],
        "segments": next(row for row in data.results if row["segment_name"]),
        "distribution": data.quantiles[0],
    }
    page = page_of(data)
    for name, source in sources.items():
        cells = page.data["choosers"][name]["panels"][0]["rows"][0]
        for column, cell in zip(page.columns[f"{name}-table"], cells, strict=True):
            ends = [source[end] for end in column.split()]
            assert [cell[1], cell[3]] == ends if len(ends) == 2 else cell[3] is None
    others = [row for row in data.results if not row["headline"]]
    written = [given["data-high"] for tag, given in page.elements if tag == "td" and "data-high" in given]
    assert [float(end or "nan") for end in written[-len(others) :]] == [
        row["relative_high"] for row in others
    ]


def test_a_failing_check_stands_in_the_way_of_the_verdict() -> None:
    data = report_data([result()], health=[check("hash"), check("srm", "fail", message="Units are missing.")])
    html = experiment_page(data)
    assert html.index("Units are missing.") < html.index("Not to be read") < html.index("What should we do?")
    assert "+15.20%" not in html[: html.index('id="scorecard"')]
    assert [line["check"] for line in Page(html).rows("health-table")] == [
        "Sample ratio",
        "Re-derived assignment",
    ]


def test_every_check_has_a_name_for_people() -> None:
    assert {*Health.model_fields, "srm_after_exclusions", "heterogeneity", "novelty", "skewness"} == set(
        CHECKS
    )


def test_every_reason_of_the_ledger_has_words(page: Page) -> None:
    design = (ROOT / "docs" / "design.md").read_text(encoding="utf-8")
    told = design.split("## The ledger")[1].split("\n## ")[0]
    listed = set(re.findall(r"`([a-z]+_?[a-z_]*)`", told)) - {"sample"}
    assert len(listed) > 15
    assert listed <= set(DROPS)
    assert [line[""] for line in page.rows("ledger-table")] == [
        DROPS[line["reason"]] for line in page.rows("ledger-table")
    ]


def test_a_healthy_report_says_the_effect_first() -> None:
    html = experiment_page(report_data([result()], health=[check("srm")]))
    assert "+15.20%" in html[: html.index('id="trust"')]
    assert "95 % interval: +5.08% … +25.32%" in html


def test_an_effect_that_is_shown_is_named_before_a_larger_one_that_is_not() -> None:
    shown = result(treatment="blue", relative_effect=0.05, relative_low=0.01, relative_high=0.09)
    larger = result(
        treatment="green", relative_effect=0.06, relative_low=-0.01, relative_high=0.13, p_value=0.09,
        p_adjusted=0.09, significant=False,
    )  # fmt: skip
    chosen = experiment(variants=("control", "blue", "green"))
    card = answer(report_data([shown, larger], of=chosen)).context["effect"]
    assert (card["title"], card["tone"]) == ("+5.00%", "good")
    assert card["text"] == "conversion: blue against control"
    neither = report_data([shown | {"significant": False}, larger], of=chosen)
    assert answer(neither).context["effect"]["title"] == "+6.00%"


def test_guardrail_margins_are_drawn_on_the_bad_side() -> None:
    chosen = experiment(("load_ms",), guardrails=[{"metric": "errors", "margin": {"absolute": 0.01}}])
    rows = [
        result("load_ms"),
        result("errors", role="guardrail", margin=0.01, non_inferior=True, mean_control=0.2),
    ]
    less = {name: metric(name, direction="decrease") for name in ("load_ms", "errors")}
    [panel] = page_of(report_data(rows, of=chosen, metrics=less)).data["choosers"]["scorecard"]["panels"]
    marks = panel["figures"]["intervals"]["data"][-1]
    assert marks["marker"]["symbol"] == "line-ns"
    assert marks["x"] == pytest.approx([0.05])  # 0.01 more than 0.2, where less is better


def test_open_ends_reach_the_edge() -> None:
    page = page_of(report_data([result(relative_high=None, effect_high=None)]))
    figure = page.data["choosers"]["scorecard"]["panels"][0]["figures"]["intervals"]
    [trace] = figure["data"]
    assert trace["x"][0] + trace["error_x"]["array"][0] == pytest.approx(
        figure["layout"]["xaxis"]["range"][1]
    )
    assert "+5.08% … open" in page.text


@pytest.mark.parametrize("name", NASTY)
def test_names_are_escaped_and_whole(name: str) -> None:
    chosen = experiment((name,), variants=("control", name), name=name, hypothesis=name, owner=name)
    data = report_data(
        [result(name, name), *segment_rows(name, 2, treatment=name)],
        of=chosen,
        health=[check("srm", "warn", message=name, advice=name, slice_name=name, slice_value=name)],
        drops=[drop("exposures", name, 4, variant=name)],
        decision=row("decisions", decision="ship", reasons=[name]),
    )
    page = page_of(data)  # which finds every element closed that is opened
    assert sum(tag == "script" for tag, _ in page.elements) == 3
    assert " ".join(name.split()) in page.text
    assert page.rows("scorecard-table")[0]["metric"] == name
    if "<" in name:
        assert not [figure for figure in figures(page.data) if name in str(figure["data"])]


def test_values_of_the_data_may_be_longer_than_names() -> None:
    long = "ab" * 350
    rows = [
        result(),
        *(row | {"segment_value": long} for row in segment_rows("conversion", 1)),
    ]
    page = page_of(report_data(rows, drops=[drop("exposures", "null_id", 4, variant=long)]))
    assert page.rows("segments-table")[0]["segment_value"] == long
    assert page.rows("ledger-table")[0]["variant"] == long


def test_nothing_committed() -> None:
    bare = ReportData(
        experiment(), {"conversion": metric("conversion")}, everything().made_at, lake="main.exp"
    )
    page = page_of(bare)
    assert "Nothing committed yet" in page.text
    assert "abspark run --experiment exp" in page.text
    assert "No check was made." in page.text
    assert "There are no results to show." in page.text


def test_all_undefined() -> None:
    page = page_of(report_data([undefined("conversion"), undefined("revenue", "zero_variance")]))
    assert "A variant has fewer than two units" in page.text
    assert "The values do not vary" in page.text
    assert "No comparison has a standard error" in page.text


def test_one_arm_empty() -> None:
    rows = [undefined("conversion", n_treatment=0)]
    exposures = [{"variant": "control", "day": rows[0]["day"], "units": 50}]
    assert "No unit was exposed to treatment" in page_of(report_data(rows, exposures=exposures)).text


def test_lost_assignments_are_not_told_as_no_exposures() -> None:
    lost, none = "The table assignments has no rows of the run any more", "No exposures are recorded."
    for units, told in ((0, none), (1, lost)):
        for name in ("n_control", "n_treatment"):
            rows = [undefined("conversion", **({"n_control": 0, "n_treatment": 0} | {name: units}))]
            text = page_of(report_data(rows, exposures=[])).text
            assert [said in text for said in (lost, none)] == [told == lost, told == none]


def test_several_treatments_have_a_probability_to_be_best() -> None:
    numbers = {"method": "bayesian", "p_value": None, "p_adjusted": None, "significant": None}
    rows = [
        result(treatment=name, prob_better=better, prob_best=best, **numbers)
        for name, better, best in (("blue", 0.97, 0.3214), ("green", 0.98, 0.6711))
    ]
    page = page_of(report_data(rows, of=experiment(variants=("control", "blue", "green"))))
    place = page.columns["scorecard-table"].index("prob_best")
    panels = page.data["choosers"]["scorecard"]["panels"]
    assert [panel["rows"][0][place][:2] for panel in panels] == [["32.14%", 0.3214], ["67.11%", 0.6711]]
    alone = page_of(report_data([result(prob_better=0.97, prob_best=0.97, **numbers)]))
    assert "prob_best" not in alone.columns["scorecard-table"]
    assert "prob_better" in alone.columns["scorecard-table"]


def test_segments_of_a_posterior_have_its_probability_and_no_p() -> None:
    numbers = {"method": "bayesian", "p_value": None, "p_adjusted": None, "prob_better": 0.9}
    rows = [result(**numbers), *(made | numbers for made in segment_rows("conversion", 3))]
    others = [made | {"headline": False, "estimator": "unadjusted"} for made in rows[:1]]
    page = page_of(report_data([*rows, *others]))
    assert page.columns["segments-table"][-3:] == ["effect", "prob_better", "reason"]
    assert page.columns["estimators-table"][-2:] == ["relative_low relative_high", "prob_better"]


def test_what_was_decided_stands_when_the_effect_turns() -> None:
    rows = series(days=4, method="group_sequential")
    rows[-1] |= {"effect": -0.001, "relative_effect": -0.01, "statistic": -0.1}
    data = report_data(rows)
    assert data.standing(data.headlines()[0]) == "better"
    rows[:-1] = [row | {"significant": False} for row in rows[:-1]]
    data = report_data(rows)
    assert data.standing(data.headlines()[0]) == "worse"
    turned = result(segment_name="country", segment_value="DE", effect=-0.1)
    assert report_data([*series(days=4), turned]).standing(turned) == "worse"


def test_the_side_is_that_of_the_smallest_p() -> None:
    """On the first day it was reached, by an effect that was negative; only the last day is significant."""
    numbers = [(0.2, 1.2), (0.03, -3.4), (0.03, 0.5), (0.03, 0.6)]
    rows = [
        made | {"p_value": p, "statistic": z, "effect": z / 100, "significant": place == 3}
        for place, (made, (p, z)) in enumerate(zip(series(days=4, method="anytime"), numbers, strict=True))
    ]
    data = report_data(rows)
    assert data.standing(data.headlines()[0]) == "worse"


def test_the_side_is_that_of_the_statistic_on_record() -> None:
    """The look of the third day crossed with +4; its data were restated since, and lie on the other side."""
    rows = series(days=4, method="group_sequential")
    rows[:2] = [made | {"significant": False} for made in rows[:2]]
    rows[2:] = [made | {"effect": -0.001, "statistic": -0.1} for made in rows[2:]]
    looks = [
        row("looks", metric="conversion", treatment="treatment", day=made["day"], statistic=z)
        for made, z in zip(rows, (-0.2, 0.3, 4.0, -0.1), strict=True)
    ]
    data = report_data(rows, looks=looks)
    assert data.standing(data.headlines()[0]) == "better"
    other = [look | {"treatment": "another"} for look in looks]
    assert report_data(rows, looks=other).standing(data.headlines()[0]) == "worse"


def test_the_method_says_what_each_stage_cost(page: Page) -> None:
    moments, results = page.rows("costs-table")
    assert moments == {
        "": "moments", "seconds": "61.2", "cpu_seconds": "98.5", "rows_in": "2,690", "rows_out": "0",
        "bytes_read": "1.2 GB", "bytes_shuffled": "99 MB", "bytes_spilled_disk": "2.0 MB", "skew": "3.2",
    }  # fmt: skip
    assert {name: text for name, text in results.items() if text != "—"} == {"": "results", "seconds": "1.5"}


def test_a_run_of_an_older_version_has_no_costs() -> None:
    record = {name: value for name, value in run_record().items() if name != "costs"}
    assert "Cost of the run" not in page_of(report_data([result()], run=record)).text
    assert "Cost of the run" not in page_of(report_data([result()], run=record | {"costs": None})).text


def test_twenty_variants_have_a_panel_each() -> None:
    variants = ["control", *(f"v{place}" for place in range(19))]
    rows = [result(treatment=name) for name in variants[1:]]
    page = page_of(report_data(rows, of=experiment(variants=variants)))
    assert len(page.data["choosers"]["scorecard"]["panels"]) == 19


def test_a_thousand_segment_values_are_all_in_the_table() -> None:
    page = page_of(report_data([result(), *segment_rows("conversion", 1000)]))
    [panel] = page.data["choosers"]["segments"]["panels"]
    assert len(panel["rows"]) == 1000
    assert len(panel["figures"]["forest"]["data"][0]["x"]) == 40
    assert "The plot shows the 40 largest of 1,000 values" in panel["note"]


def test_rows_that_have_no_room_are_named() -> None:
    rows = [made for place in range(41) for made in (result(f"m{place}"), *segment_rows(f"m{place}", 1000))]
    page = page_of(report_data(rows))
    assert len(page.data["choosers"]["segments"]["panels"]) == 40
    assert "1 more comparisons have segments" in page.text


def test_large_reports_stay_small() -> None:
    assert len(experiment_page(large()).encode()) < 6_000_000


def test_heterogeneity_by_hand() -> None:
    """Two estimates of equal error 0.004, 0.02 apart: Q = (0.02 / (0.004 sqrt 2))^2 = 12.5 on 1 degree of freedom,
    whose upper tail is 0.00041; I² = 1 - 1 / 12.5."""
    rows = [
        result(),
        result(segment_name="country", segment_value="DE", effect=0.00, std_error=0.004),
        result(segment_name="country", segment_value="FR", effect=0.02, std_error=0.004),
    ]
    [panel] = page_of(report_data(rows)).data["choosers"]["segments"]["panels"]
    assert "country: p = 0.0004, I² = 92%" in panel["note"]


def test_a_bayesian_method_says_that_it_tests_no_heterogeneity() -> None:
    numbers = {
        "method": "bayesian",
        "std_error": None,
        "p_value": None,
        "significant": None,
        "prob_better": 0.97,
    }
    rows = [result(**numbers), *segment_rows("conversion", 3, **numbers)]
    page = page_of(report_data(rows))
    [panel] = page.data["choosers"]["segments"]["panels"]
    assert panel["note"] == "Whether the effects differ between values is not tested with method bayesian."
    assert "the test below" not in page.text
    assert "the test below" in page_of(report_data([result(), *segment_rows("conversion", 3)])).text


def test_the_smallest_detectable_effect_by_hand() -> None:
    """(1.95996 + 0.84162) x 0.0039683 = 0.011118, with a normal reference; t on 20,000 degrees is 0.003 % wider."""
    [line] = page_of(report_data([result()])).tables["power-table"][1:]
    assert line[4][1] == "0.011118"


@pytest.mark.parametrize(("module", "package"), [("jinja2", "jinja2"), ("plotly.offline", "plotly")])
def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch, module: str, package: str) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    pages._templates.cache_clear()
    pages.packed_plotly.cache_clear()
    with pytest.raises(UsageError, match=f"needs {package}, which is not installed") as told:
        experiment_page(report_data([result()]))
    assert told.value.advice == "pip install 'abspark[report]'"


def test_the_ledger_has_the_drops_of_all_that_the_experiment_reads() -> None:
    """A covariate's own log, dimensions, and the values that each metric could not use, but no log of others."""
    before = {"lookback": "7d", "metric": "visits"}
    metrics = {
        "conversion": metric("conversion", covariate=before),
        "visits": metric("visits", source="sessions"),
        "foreign": metric("foreign", source="events"),
    }
    drops = [
        drop("exposures", "null_id", 7, experiment_id="*"),
        drop("dimensions", "repeated_dimension", 2, experiment_id="*", source="customers", units=2),
        drop("events", "null_id", 11, experiment_id="*", source="events"),
        drop("events", "bad_time", 12, experiment_id="*", source="sessions"),
        drop("events", "bot", 13, experiment_id="*", source="of_others"),
        drop("values", "bad_value", 21, experiment_id="*", source="conversion"),
        drop("values", "bad_value", 22, experiment_id="*", source="visits"),
        drop("values", "bad_value", 23, experiment_id="*", source="foreign"),
        drop("pairs", "outside_windows", 5, source="triggers", variant="control", units=2),
    ]
    [chooser] = ledger(report_data([result()], metrics=metrics, drops=drops)).choosers
    found = {
        panel.label: [(cells[0].text, cells[4].value) for cells in panel.rows] for panel in chooser.panels
    }
    assert found == {
        "log": [("exposures", 7)],
        "events": [("events", 11), ("values of conversion", 21)],
        "sessions": [("events", 12), ("values of visits", 22)],
        "customers": [("dimensions", 2)],
        "triggers": [("pairs", 5)],
    }


@pytest.mark.parametrize("drawn", ["data", "narrow"])
def test_flows_add_up(drawn: str) -> None:
    panel = page_of(report_data([result()])).data["choosers"]["ledger"]["panels"][0]
    link = panel["figures"]["flow"][drawn][0]["link"]
    into: dict[int, int] = {}
    out: dict[int, int] = {}
    for source, target, rows in zip(link["source"], link["target"], link["value"], strict=True):
        out[source] = out.get(source, 0) + rows
        into[target] = into.get(target, 0) + rows
    assert out[0] == 2_600
    assert all(out[node] == into[node] for node in into.keys() & out.keys())


def test_a_narrow_flow_has_a_column_less_and_small_reasons_as_one() -> None:
    """2,600 rows read; 7 without an id and 3 units in several variants are fewer than 2 %."""
    panel = page_of(report_data([result()])).data["choosers"]["ledger"]["panels"][0]
    labels = panel["figures"]["flow"]["narrow"][0]["node"]["label"]
    assert "2 other reasons  10" in labels
    assert not [
        text for text in labels if text.startswith(("first exposures", "null id", "multiple variants"))
    ]
    assert any(text.startswith("repeated exposure  500") for text in labels)
