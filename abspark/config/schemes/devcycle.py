"""DevCycle: a target's rollout and distribution, over murmur3."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from abspark.config.schemes.base import Period
from abspark.config.schemes.parts import Allocated, Owned, Share

PositiveShare = Annotated[Share, Field(gt=0)]


class DevCycleShare(Owned):
    """A variation's share of the distribution; `variation_id` decides its place in it."""

    variation_id: str
    percentage: Share


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
