"""Experiments compiled: the plan of every period."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

from abspark.assignment.plan import Plan
from abspark.assignment.schemes import (
    amplitude,
    configcat,
    devcycle,
    eppo,
    firebase,
    flagd,
    flagsmith,
    growthbook,
    harness,
    launchdarkly,
    mozilla,
    optimizely,
    planout,
    posthog,
    sha256,
    split,
    statsig,
    unleash,
    vercel,
    vwo,
)
from abspark.config import Experiment
from abspark.config.assignment import NotDerivable
from abspark.config.schemes.base import Scheme, Variants
from abspark.config.schemes.growthbook import GrowthBook
from abspark.config.schemes.sha256 import Sha256

ALLOCATED: Final[Mapping[str, Callable[[Any], Plan]]] = {
    "optimizely": optimizely.plan,
    "eppo": eppo.plan,
    "statsig": statsig.plan,
    "unleash": unleash.plan,
    "launchdarkly": launchdarkly.plan,
    "posthog": posthog.plan,
    "configcat": configcat.plan,
    "amplitude": amplitude.plan,
    "planout": planout.plan,
    "split": split.plan,
    "flagsmith": flagsmith.plan,
    "flagd": flagd.plan,
    "vwo": vwo.plan,
    "devcycle": devcycle.plan,
    "harness": harness.plan,
    "mozilla": mozilla.plan,
    "firebase": firebase.plan,
    "vercel": vercel.plan,
}
"""The schemes whose configuration says all: its own model to a plan."""

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
    if isinstance(experiment.assignment, NotDerivable):
        return ()
    periods = experiment.assignment.periods(
        [(variant.key, variant.weight) for variant in experiment.variants]
    )
    starts = [_ALWAYS if since is None else microseconds(since) for since, _, _ in periods]
    return tuple(
        DatedPlan(start, until, plan_of(scheme, experiment.id, weights))
        for start, until, (_, scheme, weights) in zip(starts, [*starts[1:], _NEVER], periods, strict=True)
    )


def plan_of(scheme: Scheme, experiment_id: str, variants: Variants) -> Plan:
    """The plan of a scheme other than `none`; variants (key, weight) matter where it has no allocations."""
    match scheme:
        case Sha256():
            return sha256.plan(scheme, experiment_id, variants)
        case GrowthBook():
            return growthbook.plan(scheme, variants)
    return ALLOCATED[scheme.scheme](scheme)


def microseconds(instant: datetime) -> int:
    """Microseconds since 1970 UTC, exactly."""
    return (instant - _EPOCH) // timedelta(microseconds=1)


def overrides_of(experiment: Experiment) -> Mapping[str, str]:
    """Unit id to the variant it was forced into, of the units listed in the configuration."""
    return {} if isinstance(experiment.assignment, NotDerivable) else experiment.assignment.forced


def hashed_attribute(experiment: Experiment) -> str | None:
    """The attribute that was hashed; None where it is the unit id."""
    return None if isinstance(experiment.assignment, NotDerivable) else experiment.assignment.unit


def overrides_source(experiment: Experiment) -> str | None:
    """The source that lists the forced units; None where the configuration does."""
    return None if isinstance(experiment.assignment, NotDerivable) else experiment.assignment.overrides_source
