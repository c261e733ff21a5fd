"""Rows in a notebook: what it shows of them, and the pictures that they draw."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from IPython.lib.pretty import pretty
from report_rows import check, experiment, metric, result, run_record, segment_rows, series, undefined

from abspark.config import Project
from abspark.errors import UsageError
from abspark.report import page
from abspark.report.notebook import TableRows

NASTY = "<script>alert(1)</script>"


def of(table: str, rows: list[dict[str, Any]]) -> TableRows:
    chosen = experiment(tuple(dict.fromkeys(row["metric"] for row in rows if "metric" in row)) or ("m",))
    metrics = {name: metric(name) for name in chosen.metrics.names}
    project = Project(Path(), {}, {}, metrics, {"exp": chosen})
    return TableRows(rows, table=table, project=project)


def test_rows_are_a_list() -> None:
    rows = of("results", [result()])
    assert isinstance(rows, list)
    assert json.loads(json.dumps(rows, default=str))[0]["effect"] == 0.0123456
    assert rows[:1] == [result()]


def test_results_are_shown_as_in_the_report() -> None:
    rows = of("results", [*series(days=5), *segment_rows("conversion", 3), undefined("revenue")])
    html = rows._repr_html_()
    assert html is not None
    assert "exp: treatment against control, to 2026-03-15" in html
    assert html.count("<tr>") == 1 + 2
    assert "A variant has fewer than two units" in html
    assert "2 of 9 rows: the last day, everyone, the configured estimator" in html


def test_other_tables_are_shown_as_they_are() -> None:
    html = of("health", [check(NASTY, "warn", message=NASTY, p_value=0.25)])._repr_html_()
    assert html is not None
    assert "<script" not in html
    assert "&lt;script&gt;" in html
    assert "0.25" in html
    assert "slice_value" not in html  # NULL in all rows
    assert "committed" in (of("runs", [run_record()])._repr_html_() or "")
    many = of("health", [check("srm")] * 100)._repr_html_() or ""
    assert "60 of 100 rows" in many
    assert "health" in (of("health", [])._repr_html_() or "")


def test_of_many_checks_the_worst_are_shown() -> None:
    html = of(
        "health", [*[check("srm")] * 100, check("hash", "fail", advice="Compare the salt.")]
    )._repr_html_()
    assert html is not None
    assert 0 < html.index("hash") < html.index("srm")
    assert "Compare the salt." in html


def test_a_value_of_many_parts_is_cut() -> None:
    html = of("runs", [run_record() | {"inputs": [{"path": "/lake/raw"}] * 500}])._repr_html_()
    assert html is not None
    assert html.count("/lake/raw") < 50
    assert "…" in html


def test_a_notebook_keeps_no_second_copy_of_the_rows_as_text() -> None:
    assert pretty(of("results", series(days=5))) == "5 rows of results"


def test_without_jinja_the_list_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jinja2", None)
    page._templates.cache_clear()
    assert of("results", [result()])._repr_html_() is None


@pytest.mark.parametrize("kind", ["scorecard", "series"])
def test_results_draw_a_picture(kind: Any) -> None:
    picture = of("results", series(days=5)).plot(kind=kind)
    assert picture._repr_png_().startswith(b"\x89PNG")


def test_what_cannot_be_drawn_is_told() -> None:
    with pytest.raises(UsageError, match="rows of health have no plot"):
        of("health", [check("srm")]).plot()
    with pytest.raises(UsageError, match="gone is chosen") as told:
        of("results", [result()]).plot("gone")
    assert told.value.allowed == "exp"
    with pytest.raises(UsageError, match="there are no rows to plot"):
        of("results", []).plot()
    with pytest.raises(UsageError, match=r"^there is no plot of kind 'bar'\n  allowed: scorecard, series$"):
        of("results", [result()]).plot(kind="bar")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="nothing to draw as series"):
        of("results", [result()]).plot(kind="series")
    two = of("results", [result(), result() | {"experiment_id": "other"}])
    with pytest.raises(UsageError, match="no experiment is chosen"):
        two.plot()
    with pytest.raises(UsageError, match=r"^other is not configured, which a picture needs$"):
        two.plot("other")


def test_results_of_an_experiment_that_only_the_lake_has_are_shown_plainly() -> None:
    shown = of("results", [result(experiment_id="gone"), undefined("revenue", experiment_id="gone")])
    html = shown._repr_html_() or ""
    assert (html.count(">gone<"), html.count("<tr>")) == (2, 1 + 2)
