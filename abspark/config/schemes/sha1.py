"""Schemes over SHA-1: LaunchDarkly, PostHog, ConfigCat, PlanOut."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Annotated, Final, Literal

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
    over_whole,
)
from abspark.config.values import Name, Number

LAUNCHDARKLY_WHOLE: Final = 100_000
MAX_SEGMENTS: Final = 1_000_000
"""As many buckets as a plan lists one by one."""


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

    @rule("allocations")
    def _within_the_whole(self) -> Iterator[Problem]:
        yield from over_whole(self.allocations, LAUNCHDARKLY_WHOLE, "weights")

    def sizes(self) -> dict[str, float]:
        """As listed, and what is left for the last."""
        sizes, last = super().sizes(), self.allocations[-1].variant
        left = LAUNCHDARKLY_WHOLE - sum(given.weight for given in self.allocations)
        if last is not None:
            sizes[last] += max(0, left)
        return sizes

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

    @rule("allocations")
    def _within_the_whole(self) -> Iterator[Problem]:
        yield from over_whole(self.allocations)


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

    @property
    def amount(self) -> float:
        """As given."""
        return self.weight


class PlanOutChange(ConfigModel):
    """A call on the namespace: `add` takes `segments` of those that are free, `remove` frees an experiment's."""

    add: str | None = None
    segments: Annotated[Integer, Field(gt=0)] | None = None
    remove: str | None = None

    @rule("add", "segments", "remove")
    def _one_call(self) -> Iterator[Problem]:
        if (self.add is None) == (self.remove is None):
            yield Problem(("add",), "needs either add or remove")
        elif (self.add is None) != (self.segments is None):
            yield Problem(("segments",), "goes with add, and add with it")


class PlanOutNamespace(ConfigModel):
    """The segments of a SimpleNamespace that the experiment owns: `segments`, as they are after all adds and removes.

    Or `changes`, all calls on the namespace in order, from which they are drawn again as those of `experiment`.
    """

    name: str
    num_segments: Annotated[Integer, Field(gt=0, le=MAX_SEGMENTS)]
    segments: tuple[Bucket, ...] = ()
    experiment: str | None = None
    changes: tuple[PlanOutChange, ...] = ()

    @rule("num_segments", "segments")
    def _within(self) -> Iterator[Problem]:
        for index, segment in enumerate(self.segments):
            if segment >= self.num_segments:
                yield Problem(("segments", index), f"must be below num_segments, {self.num_segments}")

    @rule("segments", "experiment", "changes")
    def _listed_or_drawn(self) -> Iterator[Problem]:
        if self.segments and self.changes:
            yield Problem(("segments",), "has no effect beside changes")
        elif not self.segments and not self.changes:
            yield Problem(("segments",), "is needed where there are no changes")
        elif (self.experiment is None) != (not self.changes):
            yield Problem(("experiment",), "goes with changes, and changes with it")

    @rule("num_segments", "experiment", "changes")
    def _possible(self) -> Iterator[Problem]:
        sizes = dict[str, int]()
        for index, change in enumerate(self.changes):
            free = self.num_segments - sum(sizes.values())
            if change.remove is not None and sizes.pop(change.remove, None) is None:
                yield Problem(("changes", index, "remove"), f"no experiment {change.remove!r} is there")
            if change.add in sizes:
                yield Problem(("changes", index, "add"), f"{change.add!r} is there already")
            elif change.add is not None and change.segments is not None:
                if change.segments > free:
                    yield Problem(("changes", index, "segments"), f"only {free} segments are free")
                sizes[change.add] = change.segments
        if self.changes and self.experiment is not None and self.experiment not in sizes:
            yield Problem(
                ("experiment",), f"has no segments after the changes; {', '.join(sizes) or 'none'} have"
            )


class PlanOutPeriod(Period):
    """The `planout` scheme from one instant on."""

    allocations: tuple[Choice, ...] | None = None
    namespace: PlanOutNamespace | None = None


class PlanOut(Allocated):
    """One random operation per unit over the allocations, in order.

    `uniform_choice` also stands for RandomInteger, whose smallest number is the first entry. `bernoulli_trial` gives
    the first of two entries what has `hash <= its weight`, the probability. `sample` gives what Sample draws first.
    `salt` is all that comes before the unit, joined by dots: `experiment salt.parameter`, or the full salt.
    """

    scheme: Literal["planout"]
    version: Literal["python", "javascript"]
    operation: Literal["uniform_choice", "weighted_choice", "bernoulli_trial", "sample"]
    salt: str
    namespace: PlanOutNamespace | None = None
    allocations: Annotated[tuple[Choice, ...], Field(min_length=1)]
    history: tuple[PlanOutPeriod, ...] = ()

    def sizes(self) -> dict[str, float]:
        """As listed; of a trial the first has its probability, the second the rest."""
        if self.operation != "bernoulli_trial":
            return super().sizes()
        first, second = self.allocations
        return {second.variant: 1.0 - first.weight, first.variant: first.weight}

    @rule("operation", "allocations")
    def _weights_count(self) -> Iterator[Problem]:
        weights = {given.weight for given in self.allocations}
        if self.operation in ("uniform_choice", "sample") and weights != {1.0}:
            yield Problem(("allocations",), f"{self.operation} has no weights", "a weight of 1 each")
        if self.operation == "bernoulli_trial" and (
            len(self.allocations) != 2 or self.allocations[0].weight > 1
        ):
            yield Problem(("allocations",), "bernoulli_trial has two outcomes", "a first weight of at most 1")
        if not math.fsum(weights) > 0:
            yield Problem(("allocations",), "the weights sum to 0")

    @rule("version", "operation", "namespace")
    def _shuffles_are_of_the_original(self) -> Iterator[Problem]:
        if self.version != "python" and self.operation == "sample":
            yield Problem(("operation",), "sample is known of version python alone")
        if self.version != "python" and self.namespace is not None and self.namespace.changes:
            yield Problem(("namespace", "changes"), "are known of version python alone", "segments: […]")
