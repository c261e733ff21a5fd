"""VWO: the bucketing algorithms of its feature testing and of its feature management, over murmur3."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from abspark.config.base import ConfigModel, Problem, rule
from abspark.config.schemes.base import Period
from abspark.config.schemes.parts import Allocated, Integer, Percent, VariantPercent, over_whole

PositivePercent = Annotated[Percent, Field(gt=0)]


class VwoPeriod(Period):
    """The `vwo` scheme from one instant on."""

    percent_traffic: PositivePercent | None = None
    allocations: tuple[VariantPercent, ...] | None = None


class VwoGroup(ConfigModel):
    """The campaign's values of 1 … 10,000 in a mutually exclusive group, both ends included."""

    id: str
    start: Annotated[Integer, Field(ge=1)]
    end: Annotated[Integer, Field(le=10_000)]

    @rule("start", "end")
    def _not_empty(self) -> Iterator[Problem]:
        if self.start > self.end:
            yield Problem(("end",), "must not be below start")


class _Vwo(Allocated):
    scheme: Literal["vwo"]
    group: VwoGroup | None = None
    percent_traffic: PositivePercent = 100.0
    allocations: Annotated[tuple[VariantPercent, ...], Field(min_length=1)]
    history: tuple[VwoPeriod, ...] = ()

    @rule("allocations")
    def _within_the_whole(self) -> Iterator[Problem]:
        yield from over_whole(self.allocations)


class VwoOld(_Vwo):
    """Feature testing, the old bucketing: one hash of the user, with the campaign if its bucketing seed is on."""

    version: Literal["old"]
    campaign_id: str | None = Field(default=None, description="given where the bucketing seed is enabled")


class VwoNew(_Vwo):
    """New bucketing (`nb`): traffic by `campaign_user`, variation by `user`."""

    version: Literal["nb"]
    campaign_id: str


class VwoNewSeeded(_Vwo):
    """Its second version (`nb2`): traffic by `campaign_user`, variation by `campaign_account_user`."""

    version: Literal["nb2"]
    campaign_id: str
    account_id: str


class VwoFme(_Vwo):
    """Feature management: traffic by `salt_user`, variation by `salt_account_user`; no salt: the campaign's id."""

    version: Literal["fme"]
    salt: str
    account_id: str


Vwo = Annotated[VwoOld | VwoNew | VwoNewSeeded | VwoFme, Field(discriminator="version")]
