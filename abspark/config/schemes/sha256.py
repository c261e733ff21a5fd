"""Schemes over SHA-256: the project's own, Statsig, Mozilla, Firebase."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Final, Literal

from pydantic import Field

from abspark.config.base import ConfigModel, Problem, rule
from abspark.config.schemes.base import Faults, Fraction, Hashed, Period, Variants
from abspark.config.schemes.parts import (
    Allocated,
    Bucket,
    BucketRange,
    Integer,
    Owned,
    Percent,
    Share,
    Span,
    VariantEnd,
    VariantWeight,
    allocation_faults,
    beyond,
    sizes_of,
    uncovered,
    weightless,
)
from abspark.config.values import Name

SHA256_BUCKETS: Final = 10_000
STATSIG_BUCKETS: Final = 1_000
FIREBASE_SIZE: Final = 100_000_000


class Sha256Period(Period):
    """The `sha256` scheme from one instant on."""

    salt: str | None = None
    traffic: Fraction | None = None
    allocations: tuple[VariantEnd, ...] | None = None


class Sha256(Hashed):
    """`sha256("salt:experiment id:unit id")`, 8 hex digits, modulo 10,000, against cumulated weights.

    `allocations`, where given, replace weights and traffic: the ends of ranges of the 10,000 buckets, in order.
    """

    scheme: Literal["sha256"]
    salt: str
    traffic: Fraction = Field(default=1.0, description="share of units in the experiment")
    allocations: tuple[VariantEnd, ...] = ()
    history: tuple[Sha256Period, ...] = ()

    @rule("traffic", "allocations")
    def _allocations_or_traffic(self) -> Iterator[Problem]:
        if self.allocations and self.traffic != 1.0:
            yield Problem(("traffic",), "has no effect beside allocations")

    def own_faults(self, variants: Variants) -> Faults:
        """Allocations that do not fit the variants, lie beyond the buckets, or do not reach their end."""
        if not self.allocations:
            return []
        return [
            *allocation_faults(variants, self.allocations, size=SHA256_BUCKETS),
            *uncovered(self.allocations, SHA256_BUCKETS),
        ]

    def sizes(self) -> dict[str, float]:
        """Buckets, where they are listed."""
        return sizes_of(self.allocations)


class StatsigLayer(ConfigModel):
    """The buckets of the layer's 1,000 that the experiment has; `salt` is the condition's."""

    salt: str
    allocated: Annotated[tuple[BucketRange, ...], Field(min_length=1)]

    @rule("allocated")
    def _within(self) -> Iterator[Problem]:
        yield from beyond(self.allocated, STATSIG_BUCKETS, "allocated")


class StatsigGate(ConfigModel):
    """A gate's rule, passed by a percentage of units; `rule_salt` is the rule's id where it has no salt."""

    config_salt: str
    rule_salt: str
    pass_percentage: Percent


class StatsigExperimentPeriod(Period):
    """The `statsig` scheme, version `experiment`, from one instant on."""

    allocations: tuple[VariantEnd, ...] | None = None
    layer: StatsigLayer | None = None


class StatsigExperiment(Allocated):
    """Groups by user_bucket: allocations are the `lt` ends of 1,000; who passes a holdout gate is out."""

    scheme: Literal["statsig"]
    version: Literal["experiment"]
    salt: str
    holdouts: tuple[StatsigGate, ...] = ()
    layer: StatsigLayer | None = None
    allocations: Annotated[tuple[VariantEnd, ...], Field(min_length=1)]
    history: tuple[StatsigExperimentPeriod, ...] = ()

    @property
    def size(self) -> int:
        """User buckets."""
        return STATSIG_BUCKETS

    def own_faults(self, variants: Variants) -> Faults:
        """As for all allocations, and groups that leave user buckets to nobody."""
        return [*super().own_faults(variants), *uncovered(self.allocations, self.size)]


class StatsigRolloutPeriod(Period):
    """The `statsig` scheme, version `gate`, from one instant on."""

    pass_percentage: Percent | None = None


class StatsigRollout(StatsigGate, Hashed):
    """A feature gate as an experiment: who passes gets variant `passed`, the others `failed`."""

    scheme: Literal["statsig"]
    version: Literal["gate"]
    passed: Name
    failed: Name
    history: tuple[StatsigRolloutPeriod, ...] = ()

    def own_faults(self, variants: Variants) -> Faults:
        """Variants the experiment does not have."""
        known = [key for key, _ in variants]
        named = (("passed", self.passed), ("failed", self.failed))
        return [(key, f"unknown variant {name!r}") for key, name in named if name not in known]

    def sizes(self) -> dict[str, float]:
        """Per cent of those who pass, and of the others."""
        return {self.passed: self.pass_percentage, self.failed: 100.0 - self.pass_percentage}


Statsig = Annotated[StatsigExperiment | StatsigRollout, Field(discriminator="version")]


class MozillaBucket(ConfigModel):
    """The bucket sample: `count` of `total` buckets from `start` on, wrapping around."""

    namespace: str
    start: Bucket
    count: Annotated[Integer, Field(gt=0)]
    total: Annotated[Integer, Field(gt=0)]

    @rule("count", "total")
    def _within(self) -> Iterator[Problem]:
        if self.count > self.total:
            yield Problem(("count",), f"must be at most total, {self.total}")


class MozillaSample(ConfigModel):
    """Normandy's filter `[normandy.userId, recipe.id]|stableSample(rate)`."""

    recipe_id: Bucket
    rate: Share


class MozillaPeriod(Period):
    """The `mozilla` scheme from one instant on."""

    bucket: MozillaBucket | None = None
    stable_sample: MozillaSample | None = None


class Mozilla(Allocated):
    """Nimbus, and Normandy before it: allocations are the branches' ratios in order."""

    scheme: Literal["mozilla"]
    slug: str
    bucket: MozillaBucket | None = None
    stable_sample: MozillaSample | None = None
    allocations: Annotated[tuple[VariantWeight, ...], Field(min_length=1)]
    history: tuple[MozillaPeriod, ...] = ()

    @rule("allocations")
    def _some_weight(self) -> Iterator[Problem]:
        yield from weightless(self.allocations)


class FirebaseRange(Owned):
    """Micro-percents `start < hash <= end`; without `start` LESS_OR_EQUAL, without `end` GREATER_THAN."""

    variant: Name
    start: Annotated[Bucket, Field(le=FIREBASE_SIZE)] | None = None
    end: Annotated[Bucket, Field(le=FIREBASE_SIZE)] | None = None

    @property
    def span(self) -> Span:
        """From the first to the last micro-percent."""
        return self.start or 0, FIREBASE_SIZE if self.end is None else self.end

    @rule("start", "end")
    def _not_empty(self) -> Iterator[Problem]:
        if self.start is not None and self.end is not None and self.start >= self.end:
            yield Problem(("end",), "must be above start")
        if self.start is None and self.end is None:
            yield Problem((), "needs start, end or both")


class FirebasePeriod(Period):
    """The `firebase` scheme from one instant on."""

    allocations: tuple[FirebaseRange, ...] | None = None


class Firebase(Allocated):
    """Remote Config on servers: allocations are its percent conditions, in micro-percent."""

    scheme: Literal["firebase"]
    seed: str
    allocations: Annotated[tuple[FirebaseRange, ...], Field(min_length=1)]
    history: tuple[FirebasePeriod, ...] = ()
