"""Which rows of segments the page reads, and which of many it plots."""

from __future__ import annotations

from typing import Any

from report_rows import report_data, result, segment_rows

from abspark.report.sections.segments import segments
from abspark.report.views import Panel


def panel(rows: list[dict[str, Any]]) -> Panel:
    [found] = segments(report_data([result(), *rows])).choosers[0].panels
    return found


def plotted(found: Panel) -> list[str]:
    names: list[str] = found.figures["forest"]["layout"]["yaxis"]["ticktext"]
    return names


def test_a_value_has_the_row_of_the_configured_estimator_alone() -> None:
    """Headlines 0.02 apart with errors of 0.004 each: Q = (0.02 / 0.004)^2 / 2 = 12.5 on 1 degree of freedom, of which
    the upper tail is 0.0004; I² = 1 - 1 / 12.5. The rows beside them lie in the middle."""
    headlines = [
        result(segment_name="country", segment_value=value, effect=effect, std_error=0.004, estimator="cuped")
        for value, effect in (("DE", 0.0), ("FR", 0.02))
    ]
    beside = [
        row | {"effect": 0.01, "relative_effect": 0.1, "estimator": "unadjusted", "headline": False}
        for row in headlines
    ]
    for rows in (headlines, [*headlines, *beside], [*beside, *headlines]):
        found = panel(rows)
        assert [[cell.text for cell in cells[:2]] for cells in found.rows] == [
            ["country", "DE"],
            ["country", "FR"],
        ]
        assert [cells[8].value for cells in found.rows] == [0.0, 0.02]
        assert found.note == "Do the effects differ between values? country: p = 0.0004, I² = 92%."


def test_of_many_values_those_of_most_units_are_plotted() -> None:
    """Units grow from value to value, so that the first five of 45 are left out."""
    found = panel(segment_rows("conversion", 45))
    assert plotted(found) == [f"value {place:04d}" for place in range(5, 45)]
    assert len(found.rows) == 45
    assert found.note.endswith("%. The plot shows the 40 largest of 45 values; the table has all of them.")


def test_values_without_a_relative_effect_are_told_beside_those_left_out_of_the_plot() -> None:
    """Of 45 values the first and the last have none: of the 43 others the first three are left out."""
    rows = segment_rows("conversion", 45)
    for row in (rows[0], rows[44]):
        row |= dict.fromkeys(("relative_effect", "relative_low", "relative_high"))
    found = panel(rows)
    assert plotted(found) == [f"value {place:04d}" for place in range(4, 44)]
    assert len(found.rows) == 45
    assert found.note.endswith(
        "%. The plot shows the 40 largest of 43 values; the table has all of them. "
        "2 values without a relative effect: see the table."
    )
    few = panel(rows[:3])
    assert plotted(few) == ["value 0001", "value 0002"]
    assert few.note.endswith("%. 1 value without a relative effect: see the table.")
