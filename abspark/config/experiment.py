"""One experiment: variants, interval, metrics by role, and how it is analysed and watched."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field

from abspark.config.analysis import Analysis
from abspark.config.assignment import Assignment, NotDerivable
from abspark.config.audience import Audience
from abspark.config.base import ConfigModel, Problem, rule
from abspark.config.health import Health
from abspark.config.values import Count, Instant, Name, Number, Switch, check_time_zone, doubt_of_share

MAX_VARIANTS: Final = 64
MAX_SEGMENTS: Final = 10
WEIGHT_TOLERANCE: Final = 1e-6

Positive = Annotated[Number, Field(gt=0)]


class Variant(ConfigModel):
    """A variant and its expected share of units."""

    key: Name
    weight: Annotated[Number, Field(ge=0)]


class Margin(ConfigModel):
    """Tolerated worsening of a guardrail: as a share of control's mean, or in the metric's unit."""

    relative: Positive | None = None
    absolute: Positive | None = None

    @rule("relative", "absolute")
    def _one_of_two(self) -> Iterator[Problem]:
        if (self.relative is None) == (self.absolute is None):
            yield Problem((), "exactly one of relative and absolute must be given")


class Guardrail(ConfigModel):
    """A metric that must not get worse; with a margin, not worse by more than that."""

    metric: Name
    margin: Margin | None = None


class MetricRoles(ConfigModel):
    """Which metric plays which role; none plays two."""

    primary: tuple[Name, ...] = ()
    secondary: tuple[Name, ...] = ()
    guardrails: tuple[Guardrail, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """All metrics: primary, secondary, guardrails, each in configured order."""
        return tuple(name for _, names in self.by_role for name in names)

    @property
    def by_role(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """Role, as the key is written, and its metrics in configured order."""
        guarded = tuple(guardrail.metric for guardrail in self.guardrails)
        return (("primary", self.primary), ("secondary", self.secondary), ("guardrails", guarded))

    @rule("primary", "secondary", "guardrails")
    def _one_role_each(self) -> Iterator[Problem]:
        seen: dict[str, str] = {}
        places: list[tuple[tuple[str | int, ...], str]] = [
            *((("primary", i), name) for i, name in enumerate(self.primary)),
            *((("secondary", i), name) for i, name in enumerate(self.secondary)),
            *((("guardrails", i, "metric"), given.metric) for i, given in enumerate(self.guardrails)),
        ]
        for path, name in places:
            if name in seen:
                yield Problem(path, f"already listed under {seen[name]}; a metric has one role")
            seen.setdefault(name, str(path[0]))
        if not seen:
            yield Problem((), "lists no metric", "at least one under primary, secondary or guardrails")


class Series(ConfigModel):
    """The day series: results as they stood at each day's end, days as that time zone has them.

    `since_exposure` adds a series by days since exposure: what each metric would be if its window ended after so many.
    """

    enabled: Switch = True
    time_zone: Annotated[str, AfterValidator(check_time_zone)] = Field(
        default="UTC", description="IANA zone whose midnights end the days"
    )
    since_exposure: Switch = Field(
        default=False, description="also results by days since exposure, of 24 hours each"
    )

    @rule("enabled", "since_exposure")
    def _one_pass_for_both(self) -> Iterator[Problem]:
        if self.since_exposure and not self.enabled:
            yield Problem(("since_exposure",), "has no effect without the series", "enabled: true")


class Experiment(ConfigModel):
    """Exposures in [start, end) count; `min_sample_size` is per variant, no decision is made before."""

    id: Name
    name: str | None = None
    hypothesis: str | None = None
    owner: str | None = None
    status: Literal["draft", "running", "paused", "completed"] = "running"
    variants: tuple[Variant, ...] = Field(json_schema_extra={"minItems": 2, "maxItems": MAX_VARIANTS})
    control: Name
    start: Instant
    end: Instant
    exposures: Name = Field(description="name of an exposure source")
    multiple_variants: Literal["exclude", "first"] = "exclude"
    assignment: Assignment = NotDerivable(scheme="none")
    target_audience: Audience = Field(
        default={},
        description="attribute: value, values or rule; for AssignmentEngine, a run does not filter by it",
    )
    metrics: MetricRoles
    segments: Annotated[tuple[Name, ...], Field(max_length=MAX_SEGMENTS)] = Field(
        default=(), description="attributes of the exposure source"
    )
    segment_values: Annotated[Count, Field(ge=1, le=50)] = Field(
        default=50, description="values kept of each segment, the most frequent; the rest is (other)"
    )
    analysis: Analysis = Analysis()
    series: Series = Series()
    health: Health = Health()
    min_sample_size: Count = 0
    max_duration_days: Annotated[Count, Field(gt=0)] | None = None

    @rule("variants")
    def _variants_are_a_split(self) -> Iterator[Problem]:
        if not 2 <= len(self.variants) <= MAX_VARIANTS:
            yield Problem(("variants",), f"has {len(self.variants)} variants", f"2 to {MAX_VARIANTS}")
        seen: set[str] = set()
        for index, variant in enumerate(self.variants):
            if variant.key in seen:
                yield Problem(("variants", index, "key"), "is the key of two variants")
            seen.add(variant.key)
        total = math.fsum(variant.weight for variant in self.variants)
        if abs(total - 1) > WEIGHT_TOLERANCE:
            yield Problem(("variants",), f"the weights sum to {total:.10g}", "weights that sum to 1")

    @rule("variants", "control")
    def _control_is_a_variant(self) -> Iterator[Problem]:
        keys = [variant.key for variant in self.variants]
        if self.control not in keys:
            yield Problem(("control",), "is no variant of this experiment", ", ".join(keys))

    @rule("variants", "assignment", "start")
    def _assignment_fits(self) -> Iterator[Problem]:
        variants = [(variant.key, variant.weight) for variant in self.variants]
        for key, message in self.assignment.faults(variants, self.start):
            yield Problem(("assignment", key), message)

    @property
    def doubts(self) -> tuple[str, ...]:
        """What is allowed, but hardly meant."""
        margins = [
            doubt
            for guardrail in self.metrics.guardrails
            if guardrail.margin is not None
            for doubt in doubt_of_share(f"{guardrail.metric}'s relative margin of", guardrail.margin.relative)
        ]
        return (*self.doubts_of_assignment, *margins, *self.analysis.doubts)

    @property
    def doubts_of_assignment(self) -> tuple[str, ...]:
        """What of the assignment hardly fits the weights."""
        return self.assignment.doubts([(variant.key, variant.weight) for variant in self.variants])

    @rule("start", "end", "max_duration_days")
    def _interval(self) -> Iterator[Problem]:
        if self.start >= self.end:
            yield Problem(("end",), "is not after start", "an instant after start")
        elif self.max_duration_days and self.end - self.start > timedelta(days=self.max_duration_days):
            yield Problem(("end",), f"is more than max_duration_days = {self.max_duration_days} after start")

    @rule("metrics", "analysis")
    def _futility_is_of_primary_metrics(self) -> Iterator[Problem]:
        plan, primary = self.analysis.group_sequential, self.metrics.primary
        if plan is None or plan.futility is None:
            return
        path = ("analysis", "group_sequential", "futility")
        if not primary:
            yield Problem(path, "has no effect without a primary metric", "leave it out")
        elif plan.futility.effect.absolute is not None and len(primary) > 1:
            yield Problem(
                (*path, "effect", "absolute"),
                f"is in one metric's unit, and there are {len(primary)} primary metrics",
                "relative: 0.05",
            )

    @rule("segments")
    def _segments_differ(self) -> Iterator[Problem]:
        for index, name in enumerate(self.segments):
            if name in self.segments[:index]:
                yield Problem(("segments", index), "is listed twice")

    @property
    def treatments(self) -> tuple[str, ...]:
        """Keys of all variants but control, in configured order."""
        return tuple(variant.key for variant in self.variants if variant.key != self.control)

    def weights_beside_control(self, treatment: str) -> tuple[float, float]:
        """Of control and treatment."""
        weights = {variant.key: variant.weight for variant in self.variants}
        return weights[self.control], weights[treatment]

    def evenness(self, treatment: str) -> float:
        """Harmonic units / units of control and treatment, split by their weights: the product of their shares.

        1/4 with equal weights, and where an arm has no weight any more.
        """
        control, treated = self.weights_beside_control(treatment)
        return control * treated / (control + treated) ** 2 if control * treated > 0 else 1 / 4
