from __future__ import annotations

import re
from pathlib import Path

import pytest
from report_rows import check, report_data, result, series, undefined

from abspark.report.figures import settled_range
from abspark.report.pictures import PictureFormat, scorecard_picture, series_picture, write_pictures


def test_pictures_of_scorecard_and_series(tmp_path: Path) -> None:
    data = report_data([*series(days=6), result("revenue")])
    written = write_pictures(data, tmp_path / "exp", "png")
    assert [path.name for path in written] == ["exp-scorecard.png", "exp-series.png"]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in written)


def test_the_same_numbers_give_the_same_file(tmp_path: Path) -> None:
    data = report_data([result()])
    [first] = write_pictures(data, tmp_path / "one", "svg")
    [second] = write_pictures(data, tmp_path / "two", "svg")
    assert first.read_bytes() == second.read_bytes()


def test_pictures_show_the_pages_numbers() -> None:
    figure = scorecard_picture(report_data([result("money $ and $"), result("b", relative_high=None)]))
    assert figure is not None
    [axes] = figure.axes
    assert [text.get_text() for text in axes.texts][:2] == [
        "+15.20%  (+5.08% … +25.32%)",
        "+15.20%  (+5.08% … open)",
    ]
    assert re.sub(r"\\", "", axes.get_yticklabels()[0].get_text()) == "money $ and $"


def test_failing_checks_are_in_the_picture() -> None:
    figure = scorecard_picture(report_data([result()], health=[check("srm", "fail")]))
    assert figure is not None
    assert any("NOT TO BE READ" in text.get_text() for text in figure.axes[0].texts)


def test_a_picture_names_what_is_not_in_it() -> None:
    figure = scorecard_picture(report_data([result(), undefined("money $ and $")]))
    assert figure is not None
    told = re.sub(r"\\", "", figure.axes[0].get_xlabel())
    assert told == "not drawn, for want of a relative effect: money $ and $"
    rows = [result(f"m{place}") for place in range(61)] + [undefined(f"u{place}") for place in range(6)]
    figure = scorecard_picture(report_data(rows))
    assert figure is not None
    assert len(figure.axes[0].get_yticks()) == 60
    assert figure.axes[0].get_xlabel() == (
        "the first 60 of 61 comparisons\nnot drawn, for want of a relative effect: u0, u1, u2, u3, u4 …"
    )
    figure = scorecard_picture(report_data([result()]))
    assert figure is not None
    assert figure.axes[0].get_xlabel() == ""


@pytest.mark.parametrize("form", ["png", "svg"])
def test_nothing_to_draw(tmp_path: Path, form: PictureFormat) -> None:
    assert write_pictures(report_data([undefined("m")]), tmp_path / "x", form) == []


def test_the_days_are_on_the_pages_scale_and_marked_beyond_it() -> None:
    first, *others = series(days=8)
    rows = [first | {"relative_low": -3.0, "relative_high": 4.0}, *others]
    figure = series_picture(report_data(rows))
    assert figure is not None
    [axes] = figure.axes
    drawn = [[row["relative_effect"], row["relative_low"], row["relative_high"]] for row in rows]
    assert axes.get_ylim() == pytest.approx(settled_range(drawn))
    assert axes.get_ylim()[1] < 1
    marks = [str(line.get_marker()) for line in axes.lines if line.get_marker() in ("^", "v")]
    assert marks[:2] == ["v", "^"]
    assert "beyond the plot" in axes.get_xlabel()
    calm = [row | {"relative_low": 0.05, "relative_high": 0.25} for row in others]
    figure = series_picture(report_data(calm))
    assert figure is not None
    assert figure.axes[0].get_xlabel() == ""
