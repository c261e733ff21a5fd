"""The derivation for one unit in plain Python: what the command line shows and Spark is held to."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, NamedTuple

from abspark.assignment.compiled import dated_plans, microseconds, overrides_of
from abspark.assignment.kernels import KERNELS
from abspark.assignment.plan import IN, Plan, Segment, Stage
from abspark.config import Experiment
from abspark.config.values import given_instant

Status = Literal["assigned", "override", "not_allocated", "not_derivable"]


class Assigned(NamedTuple):
    """What a unit's hash says.

    `hash_input` is the text that was hashed, `bucket` its bucket on the scheme's own scale and `boundaries`
    the segments it was compared with, all three of the stage that decided: the first gate that did not let
    the unit in, else the split. They are None and empty where nothing was hashed. `reason` is one sentence for
    people.
    """

    unit_id: str
    scheme: str
    hash_input: str | None
    bucket: int | None
    boundaries: tuple[Segment, ...]
    variant: str | None
    status: Status
    reason: str


def assign(
    experiment: Experiment,
    unit_id: str | None,
    *,
    at: datetime | str | None = None,
    bucketing_id: str | None = None,
) -> Assigned:
    """The variant of a unit first exposed `at` (None: under the newest entry of history).

    `at` is a time with its offset, also as ISO text.
    `bucketing_id` is what was hashed where that is not the unit id (None: the unit id). A missing or empty id follows
    the scheme's own rule. Forced units that a source lists are not known here.

    Raises:
        UsageError: `at` is no time with an offset.
    """
    plan = _plan_at(experiment, given_instant("at", at))
    forced = None if unit_id is None else overrides_of(experiment).get(unit_id)
    scheme = experiment.assignment.scheme
    shown = "" if unit_id is None else unit_id
    if plan is None:
        reason = "scheme none: variants are not derived from a hash"
        if scheme != "none":
            reason = "the time is before the first entry of history"
        return Assigned(
            shown, scheme, None, None, (), forced, "override" if forced else "not_derivable", reason
        )
    given = unit_id if bucketing_id is None else bucketing_id
    (text, bucket, boundaries), outcome, status, reason = hashed(plan, given)
    if forced is not None:
        status, reason = "override", f"listed under overrides; the hash gives {outcome or 'none'}"
    return Assigned(shown, scheme, text, bucket, boundaries, forced or outcome, status, reason)


Hashed = tuple[tuple[str | None, int | None, tuple[Segment, ...]], str | None, Status, str]


def hashed(plan: Plan, unit_id: str | None) -> Hashed:
    """Hash input, bucket and boundaries, then the hash's variant, status and reason."""
    text = plan.ids.text(unit_id)
    if text is None:
        what = (
            "the id is missing"
            if unit_id is None
            else "the id is empty"
            if unit_id == ""
            else f"the id is not {plan.ids.only}"
        )
        if plan.ids.lost is not None:
            return (None, None, ()), None, "not_derivable", f"{what}: {plan.ids.lost}"
        return (None, None, ()), None, "not_allocated", f"{what}: the SDK gives it no variant"
    stage, bucket, outcome = _decide(plan, text)
    found = (f"{stage.prefix}{text}{stage.suffix}", bucket, stage.segments)
    note = f"; the id is missing and hashed as {text!r}" if unit_id is None else ""
    if outcome is None:
        return found, None, "not_allocated", f"bucket {bucket} of the {stage.name} has no variant{note}"
    return found, outcome, "assigned", f"bucket {bucket} of the {stage.name}{note}"


def _plan_at(experiment: Experiment, at: datetime | None) -> Plan | None:
    plans = dated_plans(experiment)
    if at is None:
        return plans[-1].plan if plans else None
    time = microseconds(at)
    return next((dated.plan for dated in plans if dated.since <= time < dated.until), None)


def _decide(plan: Plan, unit_id: str) -> tuple[Stage, int, str | None]:
    for gate in plan.gates:
        bucket = bucket_of(gate, unit_id)
        outcome = outcome_of(gate, bucket)
        if outcome != IN:
            return gate, bucket, outcome
    bucket = bucket_of(plan.split, unit_id)
    return plan.split, bucket, outcome_of(plan.split, bucket)


def bucket_of(stage: Stage, unit_id: str) -> int:
    """The unit's bucket in a stage, on the scheme's own scale."""
    text = f"{stage.prefix}{unit_id}{stage.suffix}"
    return KERNELS[stage.kernel].python(text, stage.seed, stage.modulus) + stage.offset


def outcome_of(stage: Stage, bucket: int) -> str | None:
    """What the stage's segments give the bucket; None = out."""
    return next(
        (segment.outcome for segment in stage.segments if segment.start <= bucket < segment.end), None
    )
