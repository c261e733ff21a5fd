"""DevCycle: a target's rollout and distribution, over murmur3."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from abspark.config.base import Problem, rule
from abspark.config.schemes.base import Period
from abspark.config.schemes.parts import Allocated, Owned, Share, over_whole

PositiveShare = Annotated[Share, Field(gt=0)]


class DevCycleShare(Owned):
    """A variation's share of the distribution; `variation_id` decides its place in it."""

    variation_id: str
    percentage: Share

    @property
    def amount(self) -> float:
        """As given."""
        return self.percentage


class DevCyclePeriod(Period):
    """The `devcycle` scheme from one instant on."""

    rollout: PositiveShare | None = None
    allocations: tuple[DevCycleShare, ...] | None = None


class DevCycle(Allocated):
    """A target's rollout and distribution, both as shares; their order is by id, so that of allocations is free.

    `sdk` matters for ids beyond ASCII alone: `wasm` is what runs the WebAssembly core.
    """

    scheme: Literal["devcycle"]
    sdk: Literal["javascript", "go", "wasm"] = "javascript"
    target_id: str
    rollout: PositiveShare = 1.0
    allocations: Annotated[tuple[DevCycleShare, ...], Field(min_length=1)]
    history: tuple[DevCyclePeriod, ...] = ()

    @rule("allocations")
    def _within_the_whole(self) -> Iterator[Problem]:
        yield from over_whole(self.allocations, 1.0, "shares")

    @rule("allocations")
    def _ids_give_the_order(self) -> Iterator[Problem]:
        seen = set[str]()
        for index, given in enumerate(self.allocations):
            if given.variation_id in seen:
                yield Problem(
                    ("allocations", index, "variation_id"), "is the id of two, which give the order"
                )
            seen.add(given.variation_id)
