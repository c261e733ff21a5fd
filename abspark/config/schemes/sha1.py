"""Schemes over SHA-1: LaunchDarkly, PostHog, ConfigCat, PlanOut."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from abspark.config.base import ConfigModel, Problem, rule
from abspark.config.schemes.base import Period
from abspark.config.schemes.parts import (
    Allocated,
    Bucket,
    Integer,
    Owned,
    Percent,
    VariantPercent,
    VariantWeight,
)
from abspark.config.values import Name, Number


class LaunchDarklyPeriod(Period):
    """The `launchdarkly` scheme from one instant on."""

    allocations: tuple[VariantWeight, ...] | None = None


class LaunchDarkly(Allocated):
    """A rollout: weights in thousandths of a percent (100,000 in all), in order; what is left gets the last.

    Either `seed`, or `flag_key` and `salt`. A variant null is an untracked variation: served, not in the
    experiment.
    """

    scheme: Literal["launchdarkly"]
    sdk: Literal["go", "python", "javascript"]
    flag_key: str | None = None
    salt: str | None = None
    seed: Integer | None = None
    allocations: Annotated[tuple[VariantWeight, ...], Field(min_length=1)]
    history: tuple[LaunchDarklyPeriod, ...] = ()

    @rule("flag_key", "salt", "seed", "sdk")
    def _seed_or_key_and_salt(self) -> Iterator[Problem]:
        for key, value in (("flag_key", self.flag_key), ("salt", self.salt)):
            if self.seed is None and value is None:
                yield Problem((key,), "is needed where there is no seed")
            elif self.seed is not None and value is not None:
                yield Problem((key,), "has no effect beside seed")
        if self.seed == 0 and self.sdk == "javascript":
            yield Problem(("seed",), "is taken for none by this SDK: give flag_key and salt instead")


class PostHogPeriod(Period):
    """The `posthog` scheme from one instant on."""

    rollout_percentage: Percent | None = None
    allocations: tuple[VariantPercent, ...] | None = None


class PostHog(Allocated):
    """A multivariate flag: `rollout_percentage` of the condition that matched, allocations the variants'."""

    scheme: Literal["posthog"]
    flag_key: str
    rollout_percentage: Percent = 100.0
    holdout_percentage: Percent | None = Field(
        default=None, description="percentage of the holdout, which is hashed without the flag's key"
    )
    allocations: Annotated[tuple[VariantPercent, ...], Field(min_length=1)]
    history: tuple[PostHogPeriod, ...] = ()


class ConfigCatPeriod(Period):
    """The `configcat` scheme from one instant on."""

    allocations: tuple[VariantWeight, ...] | None = None


class ConfigCat(Allocated):
    """Percentage options: allocations are whole percentages in order that sum to 100."""

    scheme: Literal["configcat"]
    setting_key: str
    allocations: Annotated[tuple[VariantWeight, ...], Field(min_length=1)]
    history: tuple[ConfigCatPeriod, ...] = ()

    @rule("allocations")
    def _whole(self) -> Iterator[Problem]:
        total = sum(given.weight for given in self.allocations)
        if total != 100:
            yield Problem(("allocations",), f"the weights sum to {total}", "percentages that sum to 100")


class Choice(Owned):
    """An operand of WeightedChoice: a variant and its weight."""

    variant: Name
    weight: Annotated[Number, Field(ge=0.0)]


class PlanOutNamespace(ConfigModel):
    """The segments of a SimpleNamespace that the experiment owns, after all its adds and removes."""

    name: str
    num_segments: Annotated[Integer, Field(gt=0)]
    segments: Annotated[tuple[Bucket, ...], Field(min_length=1)]

    @rule("num_segments", "segments")
    def _within(self) -> Iterator[Problem]:
        for index, segment in enumerate(self.segments):
            if segment >= self.num_segments:
                yield Problem(("segments", index), f"must be below num_segments, {self.num_segments}")


class PlanOutPeriod(Period):
    """The `planout` scheme from one instant on."""

    allocations: tuple[Choice, ...] | None = None
    namespace: PlanOutNamespace | None = None


class PlanOut(Allocated):
    """One random operation per unit over the allocations, in order.

    `uniform_choice` also stands for RandomInteger, whose smallest number is the first entry. `bernoulli_trial` gives
    the first of two entries what has `hash <= its weight`, the probability.
    `salt` is all that comes before the unit, joined by dots: `experiment salt.parameter`, or the full salt.
    """

    scheme: Literal["planout"]
    version: Literal["python", "javascript"]
    operation: Literal["uniform_choice", "weighted_choice", "bernoulli_trial"]
    salt: str
    namespace: PlanOutNamespace | None = None
    allocations: Annotated[tuple[Choice, ...], Field(min_length=1)]
    history: tuple[PlanOutPeriod, ...] = ()

    @rule("operation", "allocations")
    def _weights_count(self) -> Iterator[Problem]:
        weights = {given.weight for given in self.allocations}
        if self.operation == "uniform_choice" and weights != {1.0}:
            yield Problem(("allocations",), "uniform_choice has no weights", "a weight of 1 each")
        if self.operation == "bernoulli_trial" and (
            len(self.allocations) != 2 or self.allocations[0].weight > 1
        ):
            yield Problem(("allocations",), "bernoulli_trial has two outcomes", "a first weight of at most 1")
        if not math.fsum(weights) > 0:
            yield Problem(("allocations",), "the weights sum to 0")
