"""Where guardrails hold and where they are harmed; each bound by hand, met from both of its sides."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from look_world import METRICS, PER_DAY, PLAN, after, column, day, experiment, found, series
from scipy import special

from abspark.analysis.results import analysed

ERROR = (2 / PER_DAY) ** 0.5
"""The standard error of an effect on day 1, on which each arm has 100 units of variance 1."""
MARGIN = 0.3
ROLES = {"primary": ["sales"], "guardrails": [{"metric": "speed", "margin": {"absolute": MARGIN}}]}


def bound(g: float) -> float:
    """The one-sided bound at 2.5 % in standard errors (Waudby-Smith et al., its appendix on one-sided sequences)."""
    return float(np.sqrt(2 * (g + 1) / g * np.log1p(np.sqrt(g + 1) / (2 * 0.025))))


def answers(analysis: dict[str, Any], errors_from_margin: float) -> tuple[list[Any], bool]:
    """On day 1: whether the guardrail holds, and whether it is harmed, so far on the good side of its margin."""
    effect = errors_from_margin * ERROR - MARGIN
    chosen = experiment(metrics=ROLES, analysis=analysis)
    rows = found({"sales": [0.0], "speed": [effect]}, until=1, chosen=chosen)
    return column(rows.results, "non_inferior", metric="speed"), rows.harmed == {("e", "speed", "b")}


def test_with_tau_the_bound_of_a_guardrail_is_that_of_the_mixture_test() -> None:
    """Effects have a deviation of 0.1 of the control mean 3, a squared standard error is 0.02 (Johari et al.)."""
    edge = bound(0.3**2 / ERROR**2)
    tau = {"method": "anytime", "anytime": {"tau": 0.1}}
    assert answers(tau, 1.01 * edge) == ([True], False)
    assert answers(tau, 0.99 * edge) == ([False], False)
    assert answers(tau, -0.99 * edge) == ([False], False)
    assert answers(tau, -1.01 * edge) == ([False], True)


@pytest.mark.parametrize("method", ["fixed", "bayesian"])
def test_the_watch_for_harm_is_tuned_at_its_own_level(method: str) -> None:
    """Tuned at 10,000 units for 2.5 % on one side, as for 5 % on two (the same paper); on day 1 there are 200 units."""
    rho_squared = (-np.real(special.lambertw(-(0.05**2) / np.e, k=-1)) - 1) / 10_000
    edge = bound(200 * rho_squared)
    assert answers({"method": method}, -0.99 * edge) == ([None], False)
    assert answers({"method": method}, -1.01 * edge) == ([None], True)


def test_a_segment_has_no_answer_of_everyones_look() -> None:
    """The one look is on day 5, where there is no row of the segment; on day 6 everyone has its answer."""
    plan = PLAN["group_sequential"] | {"looks": [5]}
    chosen = experiment(metrics=ROLES, analysis=PLAN | {"group_sequential": plan})
    everyone = series({"sales": [0.0] * 6, "speed": [0.0] * 6})
    part = [
        row | {"segment_name": "country", "segment_value": "DE"} for row in everyone if row["day"] == day(6)
    ]
    rows = analysed([*everyone, *part], [chosen], METRICS, as_of=after(6)).results
    assert column(rows, "non_inferior", metric="speed", segment_value=None) == [None] * 4 + [True] * 2
    assert column(rows, "non_inferior", metric="speed", segment_value="DE") == [None]
