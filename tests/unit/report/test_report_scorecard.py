"""What the scorecard and the plots of intervals show of rows that lack an interval, a verdict or a common level."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from page_reader import Page
from report_rows import report_data, result, segment_rows, series

from abspark.report.data import ReportData
from abspark.report.figures import interval_trace
from abspark.report.page import experiment_page
from abspark.report.pictures import scorecard_picture, series_picture

NO_INTERVAL = dict.fromkeys(("effect_low", "effect_high", "relative_low", "relative_high"))


def read(data: ReportData) -> Page:
    return Page(experiment_page(data))


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
