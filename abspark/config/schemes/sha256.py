"""Schemes over SHA-256: the project's own, Statsig, Mozilla, Firebase."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from abspark.config.base import ConfigModel
from abspark.config.schemes.base import Faults, Fraction, Hashed, Period, Variants
from abspark.config.schemes.parts import (
    Allocated,
    Bucket,
    BucketRange,
    Integer,
    Percent,
    VariantEnd,
    VariantRange,
    VariantWeight,
)
from abspark.config.values import Name


class Sha256Period(Period):
    """The `sha256` scheme from one instant on."""

    salt: str | None = None
    traffic: Fraction | None = None


class Sha256(Hashed):
    """`sha256("salt:experiment id:unit id")`, 8 hex digits, modulo 10,000, against cumulated weights."""

    scheme: Literal["sha256"]
    salt: str
    traffic: Fraction = Field(default=1.0, description="share of units in the experiment")
    history: tuple[Sha256Period, ...] = ()


class StatsigLayer(ConfigModel):
    """The buckets of the layer's 1,000 that the experiment has; `salt` is the condition's."""

    salt: str
    allocated: Annotated[tuple[BucketRange, ...], Field(min_length=1)]


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


Statsig = Annotated[StatsigExperiment | StatsigRollout, Field(discriminator="version")]


class MozillaBucket(ConfigModel):
    """The bucket sample: `count` of `total` buckets from `start` on, wrapping around."""

    namespace: str
    start: Bucket
    count: Annotated[Integer, Field(gt=0)]
    total: Annotated[Integer, Field(gt=0)]


class MozillaPeriod(Period):
    """The `mozilla` scheme from one instant on."""

    bucket: MozillaBucket | None = None


class Mozilla(Allocated):
    """Nimbus: allocations are the branches' ratios in order.

    Ids are hashed inside JSON text as they are: right for the hexadecimal ids in use, not for quotes or
    backslashes.
    """

    scheme: Literal["mozilla"]
    slug: str
    bucket: MozillaBucket | None = None
    allocations: Annotated[tuple[VariantWeight, ...], Field(min_length=1)]
    history: tuple[MozillaPeriod, ...] = ()


class FirebasePeriod(Period):
    """The `firebase` scheme from one instant on."""

    allocations: tuple[VariantRange, ...] | None = None


class Firebase(Allocated):
    """Remote Config on servers: allocations in micro-percent, BETWEEN's way: `start < hash <= end`."""

    scheme: Literal["firebase"]
    seed: str
    allocations: Annotated[tuple[VariantRange, ...], Field(min_length=1)]
    history: tuple[FirebasePeriod, ...] = ()
