"""Experiments compiled: every period's plan, and the kernels a scheme may use."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

from abspark.assignment.plan import Plan
from abspark.assignment.schemes import growthbook, sha256
from abspark.config import Experiment
from abspark.config.assignment import NotDerivable
from abspark.config.schemes.base import Variants

PlanOf = Callable[[Any, str, Variants], Plan]

PLANS: Final[Mapping[str, PlanOf]] = {"sha256": sha256.plan, "growthbook": growthbook.plan}
"""By scheme: (its configuration, experiment id, variants) to a plan."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_ALWAYS: Final = -(1 << 62)
_NEVER: Final = 1 << 62


class DatedPlan(NamedTuple):
    """A plan in force for exposures with `since <= time < until`, in microseconds since 1970 UTC."""

    since: int
    until: int
    plan: Plan


def dated_plans(experiment: Experiment) -> tuple[DatedPlan, ...]:
    """The experiment's plans in order of time, without gap; empty if its variants cannot be derived."""
    assignment = experiment.assignment
    if isinstance(assignment, NotDerivable):
        return ()
    variants = [(variant.key, variant.weight) for variant in experiment.variants]
    plan_of = PLANS[assignment.scheme]
    periods = assignment.periods(variants)
    starts = [_ALWAYS if since is None else microseconds(since) for since, _, _ in periods]
    return tuple(
        DatedPlan(start, until, plan_of(scheme, experiment.id, weights))
        for start, until, (_, scheme, weights) in zip(starts, [*starts[1:], _NEVER], periods, strict=True)
    )


def microseconds(instant: datetime) -> int:
    """Microseconds since 1970 UTC, exactly."""
    return (instant - _EPOCH) // timedelta(microseconds=1)


def overrides_of(experiment: Experiment) -> Mapping[str, str]:
    """Unit id to the variant it was forced into."""
    return {} if isinstance(experiment.assignment, NotDerivable) else experiment.assignment.overrides
