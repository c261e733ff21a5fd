"""Schemes over murmur3_x86_32: Optimizely, Unleash, Amplitude, Split, Harness."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Final, Literal

from pydantic import Field

from abspark.config.base import ConfigModel, Problem, rule
from abspark.config.schemes.base import Period
from abspark.config.schemes.parts import (
    Allocated,
    BucketRange,
    Integer,
    VariantEnd,
    VariantRange,
    VariantWeight,
    beyond,
    over_whole,
    weightless,
)

OPTIMIZELY_BUCKETS: Final = 10_000
AMPLITUDE_PARTS: Final = 100
WholePercent = Annotated[Integer, Field(ge=0, le=100)]
PositivePercent = Annotated[Integer, Field(gt=0, le=100)]


class OptimizelyGroup(BucketRange):
    """The experiment's buckets in a mutex group with policy `random`; `id` is the group's id."""

    id: str


class OptimizelyHoldout(ConfigModel):
    """A holdout, global or local: units whose bucket with its id is below `end` are in no experiment."""

    id: Annotated[str, Field(min_length=1)]
    end: Annotated[Integer, Field(gt=0, le=10_000)]


OptimizelySdk = Literal["current", "go_before_2.2.1"]


class OptimizelyPeriod(Period):
    """The `optimizely` scheme from one instant on."""

    sdk: OptimizelySdk | None = None
    allocations: tuple[VariantEnd, ...] | None = None
    group: OptimizelyGroup | None = None


class Optimizely(Allocated):
    """Feature Experimentation: `entity_id` is the experiment's or rule's id, allocations its endOfRange.

    `sdk` matters for the Go SDK before 2.2.1 alone, which counted in 32-bit floats.
    """

    scheme: Literal["optimizely"]
    sdk: OptimizelySdk = "current"
    entity_id: Annotated[str, Field(min_length=1)]
    allocations: Annotated[tuple[VariantEnd, ...], Field(min_length=1)]
    group: OptimizelyGroup | None = None
    holdouts: tuple[OptimizelyHoldout, ...] = ()
    history: tuple[OptimizelyPeriod, ...] = ()

    @property
    def size(self) -> int:
        """Buckets of a traffic allocation."""
        return OPTIMIZELY_BUCKETS

    @rule("group")
    def _group_within(self) -> Iterator[Problem]:
        if self.group is not None and self.group.end > OPTIMIZELY_BUCKETS:
            yield Problem(("group", "end"), f"is beyond the {OPTIMIZELY_BUCKETS:,} buckets")


class UnleashPeriod(Period):
    """The `unleash` scheme from one instant on."""

    rollout: PositivePercent | None = None
    allocations: tuple[VariantWeight, ...] | None = None


class Unleash(Allocated):
    """A gradual or flexible rollout of `rollout` percent, then the strategy's variants by weight.

    `sdk` matters for ids beyond ASCII alone. `variant_group_id` is the variants' own group id where it differs (the
    feature's name, for its own variants).
    """

    scheme: Literal["unleash"]
    sdk: Literal["yggdrasil", "node"] = "yggdrasil"
    group_id: str
    rollout: PositivePercent = 100
    variant_group_id: str | None = None
    allocations: Annotated[tuple[VariantWeight, ...], Field(min_length=1)]
    history: tuple[UnleashPeriod, ...] = ()

    @rule("allocations")
    def _some_weight(self) -> Iterator[Problem]:
        yield from weightless(self.allocations)


class AmplitudePeriod(Period):
    """The `amplitude` scheme from one instant on."""

    allocation: tuple[BucketRange, ...] | None = None
    allocations: tuple[VariantRange, ...] | None = None


class Amplitude(Allocated):
    """`allocation`: ranges of `hash % 100` that take part; `allocations`: the variants', of `hash // 100`."""

    scheme: Literal["amplitude"]
    salt: str
    allocation: tuple[BucketRange, ...] = (BucketRange(start=0, end=100),)
    allocations: Annotated[tuple[VariantRange, ...], Field(min_length=1)]
    history: tuple[AmplitudePeriod, ...] = ()

    @rule("allocation")
    def _within(self) -> Iterator[Problem]:
        yield from beyond(self.allocation, AMPLITUDE_PARTS, "allocation")

    @property
    def size(self) -> int:
        """Whole quotients of a 32-bit hash by 100."""
        return (1 << 32) // 100 + 1


class SplitPeriod(Period):
    """The `split` scheme from one instant on."""

    seed: Integer | None = None
    traffic_allocation: WholePercent | None = None
    traffic_allocation_seed: Integer | None = None
    allocations: tuple[VariantWeight, ...] | None = None


class Split(Allocated):
    """`allocations` are the partitions of the rollout condition: sizes in percent that sum to 100."""

    scheme: Literal["split"]
    version: Literal["murmur", "legacy"]
    seed: Integer
    traffic_allocation: WholePercent = 100
    traffic_allocation_seed: Integer | None = None
    allocations: Annotated[tuple[VariantWeight, ...], Field(min_length=1)]
    history: tuple[SplitPeriod, ...] = ()

    @rule("allocations")
    def _whole(self) -> Iterator[Problem]:
        total = sum(given.weight for given in self.allocations)
        if total != 100:
            yield Problem(("allocations",), f"the weights sum to {total}", "percentages that sum to 100")

    @rule("traffic_allocation", "traffic_allocation_seed", "history")
    def _traffic_has_a_seed(self) -> Iterator[Problem]:
        dated = [given for given in self.history if given.traffic_allocation is not None]
        shared = min([self.traffic_allocation, *(given.traffic_allocation or 0 for given in dated)])
        if shared < 100 and self.traffic_allocation_seed is None:
            yield Problem(("traffic_allocation_seed",), "is needed where traffic_allocation is below 100")
        if shared == 100 and self.traffic_allocation_seed is not None:
            yield Problem(("traffic_allocation_seed",), "has no effect with traffic_allocation 100")


class HarnessPeriod(Period):
    """The `harness` scheme from one instant on."""

    allocations: tuple[VariantWeight, ...] | None = None


class Harness(Allocated):
    """Percentage rollout: `bucket_by` is the name of the attribute, allocations weights in percent."""

    scheme: Literal["harness"]
    bucket_by: str
    allocations: Annotated[tuple[VariantWeight, ...], Field(min_length=1)]
    history: tuple[HarnessPeriod, ...] = ()

    @rule("allocations")
    def _within_the_whole(self) -> Iterator[Problem]:
        yield from over_whole(self.allocations, what="weights")
