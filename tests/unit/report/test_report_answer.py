"""The cards at a glance: which comparison is named first, and whether the numbers were checked."""

from __future__ import annotations

import pytest
from report_rows import check, experiment, metric, report_data, result

from abspark.report.sections.answer import answer


@pytest.mark.parametrize(
    ("direction", "named", "title"), [("increase", "a", "+3.00%"), ("decrease", "b", "-3.00%")]
)
def test_the_treatment_that_gains_most_is_named_in_the_metrics_direction(
    direction: str, named: str, title: str
) -> None:
    rows = [
        result("load_ms", treatment, effect=effect, relative_effect=effect, significant=False)
        for treatment, effect in (("a", 0.03), ("b", -0.03))
    ]
    data = report_data(
        rows,
        of=experiment(("load_ms",), variants=("control", "a", "b")),
        metrics={"load_ms": metric("load_ms", direction=direction)},
    )
    card = answer(data).context["effect"]
    assert (card["title"], card["text"]) == (title, f"load_ms: {named} against control")


@pytest.mark.parametrize(
    ("statuses", "title", "tone"),
    [
        (("skipped", "skipped"), "Not checked", "warn"),
        ((), "Not checked", "warn"),
        (("pass", "skipped"), "Yes", "good"),
        (("pass", "warn"), "Yes, with care", "warn"),
        (("warn", "fail"), "No", "bad"),
    ],
)
def test_what_was_not_checked_is_not_said_to_be_good(
    statuses: tuple[str, ...], title: str, tone: str
) -> None:
    health = [check(f"check {place}", status) for place, status in enumerate(statuses)]
    card = answer(report_data([result()], health=health)).context["trust"]
    assert (card["title"], card["tone"]) == (title, tone)
