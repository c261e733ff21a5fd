"""What the figures of a page share."""

from __future__ import annotations

import pytest

from abspark.report.figures import labels

LONG = "revenue_per_unit_of_new_customers"


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (["visits", LONG], ["visits", "revenue_per_unit_of_new_cus…"]),
        (
            [f"{LONG}, blue", f"{LONG}, green"],
            ["revenue_per_un…stomers, blue", "revenue_per_un…tomers, green"],
        ),
        (
            [f"{LONG}_with_{thing}_in_the_first_week" for thing in ("cards", "cash")],
            [f"{LONG}_with_{thing}_in_the_first_week" for thing in ("cards", "cash")],
        ),
        ([LONG, LONG], ["revenue_per_unit_of_new_cus…"] * 2),
        (["a<b"], ["a&lt;b"]),
    ],
    ids=["at the end", "in the middle", "not at all", "one name twice", "markup"],
)
def test_names_beside_an_axis_stay_apart(names: list[str], told: list[str]) -> None:
    assert labels(names) == told
