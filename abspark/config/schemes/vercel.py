"""Vercel: weighted splits, over xxHash32."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from abspark.config.base import Problem, rule
from abspark.config.schemes.base import Period
from abspark.config.schemes.parts import Allocated, Integer, VariantWeight, weightless


class VercelPeriod(Period):
    """The `vercel` scheme from one instant on."""

    allocations: tuple[VariantWeight, ...] | None = None


class Vercel(Allocated):
    """Weighted split: `seed` is the flag's, allocations weights in order."""

    scheme: Literal["vercel"]
    seed: Annotated[Integer, Field(ge=0, lt=1 << 32)]
    allocations: Annotated[tuple[VariantWeight, ...], Field(min_length=1)]
    history: tuple[VercelPeriod, ...] = ()

    @rule("allocations")
    def _some_weight(self) -> Iterator[Problem]:
        yield from weightless(self.allocations)
