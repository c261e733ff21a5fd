"""Schemes over MD5: Eppo, Flagsmith."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from abspark.config.base import ConfigModel, Problem, rule
from abspark.config.schemes.base import Faults, Period, Variants
from abspark.config.schemes.parts import (
    Allocated,
    BucketRange,
    Integer,
    Percent,
    Share,
    VariantPercent,
    VariantRange,
    allocation_faults,
    beyond,
    over_whole,
    unknown_variants,
)
from abspark.config.values import Name

Shards = Annotated[Integer, Field(gt=0, lt=1 << 31)]


class EppoTraffic(ConfigModel):
    """The shards of a salt that let a subject in."""

    salt: str
    ranges: Annotated[tuple[BucketRange, ...], Field(min_length=1)]


class EppoUfcPeriod(Period):
    """The `eppo` scheme, version `ufc`, from one instant on."""

    traffic: EppoTraffic | None = None
    allocations: tuple[VariantRange, ...] | None = None


class EppoUfc(Allocated):
    """Universal Flag Configuration: `traffic` is the shard condition that all splits share."""

    scheme: Literal["eppo"]
    version: Literal["ufc"]
    split_salt: str
    total_shards: Shards = 10_000
    traffic: EppoTraffic | None = None
    allocations: Annotated[tuple[VariantRange, ...], Field(min_length=1)]
    history: tuple[EppoUfcPeriod, ...] = ()

    @property
    def size(self) -> int:
        """The shards."""
        return self.total_shards

    @rule("total_shards", "traffic")
    def _traffic_within(self) -> Iterator[Problem]:
        if self.traffic is not None:
            yield from beyond(self.traffic.ranges, self.total_shards, "traffic", "ranges")


class EppoRacPeriod(Period):
    """The `eppo` scheme, version `rac`, from one instant on."""

    percent_exposure: Share | None = None
    allocations: tuple[VariantRange, ...] | None = None


class EppoRac(Allocated):
    """The configuration before UFC; `holdouts` are the shards of all holdout variations."""

    scheme: Literal["eppo"]
    version: Literal["rac"]
    flag_key: str
    subject_shards: Shards = 10_000
    percent_exposure: Share
    holdouts: tuple[BucketRange, ...] = ()
    allocations: Annotated[tuple[VariantRange, ...], Field(min_length=1)]
    history: tuple[EppoRacPeriod, ...] = ()

    @property
    def size(self) -> int:
        """The shards."""
        return self.subject_shards

    @rule("subject_shards", "holdouts")
    def _holdouts_within(self) -> Iterator[Problem]:
        yield from beyond(self.holdouts, self.subject_shards, "holdouts")


Eppo = Annotated[EppoUfc | EppoRac, Field(discriminator="version")]


class FlagsmithSegment(ConfigModel):
    """A segment's PERCENTAGE_SPLIT: identities up to `value` percent are in it.

    The others get `outside`, the variant of the feature's value without the segment's override; absent, they are not
    in the experiment.
    """

    segment_key: str
    value: Percent
    outside: Name | None = None


class FlagsmithPeriod(Period):
    """The `flagsmith` scheme from one instant on."""

    segment: FlagsmithSegment | None = None
    allocations: tuple[VariantPercent, ...] | None = None


class Flagsmith(Allocated):
    """Multivariate feature: allocations in order of priority; with `segment` the feature as the segment overrides it.

    `control_value` is the variant of the feature's control value: identities beyond the percentages.
    Without it they are not in the experiment. `environment_key` is given where the identity's key is
    `environment key_identifier` and the unit id is the identifier alone. An override has its own `feature_key`.
    """

    scheme: Literal["flagsmith"]
    feature_key: str
    environment_key: str | None = None
    control_value: str | None = None
    segment: FlagsmithSegment | None = None
    allocations: Annotated[tuple[VariantPercent, ...], Field(min_length=1)]
    history: tuple[FlagsmithPeriod, ...] = ()

    @rule("allocations")
    def _within_the_whole(self) -> Iterator[Problem]:
        yield from over_whole(self.allocations)

    def own_faults(self, variants: Variants) -> Faults:
        """Allocations, with the control value's and the segment's others, that do not fit the variants."""
        outside = None if self.segment is None else self.segment.outside
        named = {"control_value": self.control_value, "segment.outside": outside}
        if faults := unknown_variants(variants, named):
            return faults
        listed = [v for v in variants if v[0] not in named.values()]
        return allocation_faults(listed, self.allocations)

    def sizes(self) -> dict[str, float]:
        """As listed, within the segment, and what the control value and the segment's others get."""
        inside = 100.0 if self.segment is None else self.segment.value
        sizes = {name: size * inside / 100.0 for name, size in super().sizes().items()}
        rest = {
            self.control_value: inside - math.fsum(sizes.values()),
            None if self.segment is None else self.segment.outside: 100.0 - inside,
        }
        for name, size in rest.items():
            if name is not None:
                sizes[name] = sizes.get(name, 0.0) + size
        return sizes
