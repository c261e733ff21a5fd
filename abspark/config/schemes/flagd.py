"""flagd: three incompatible versions of its `fractional` operation, over murmur3."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from abspark.config.base import Problem, no_truth_values, rule
from abspark.config.schemes.base import Period
from abspark.config.schemes.parts import Allocated, VariantWeight


class FlagdPeriod(Period):
    """The `flagd` scheme from one instant on."""

    allocations: tuple[VariantWeight, ...] | None = None


class _Flagd(Allocated):
    """The `fractional` operation: `flag_key` is what stands before the targeting key, `""` for nothing."""

    scheme: Literal["flagd"]
    flag_key: str
    allocations: Annotated[tuple[VariantWeight, ...], Field(min_length=1)]
    history: tuple[FlagdPeriod, ...] = ()

    _number = no_truth_values("version", allowed="1, 2 or 3")

    @rule("allocations")
    def _some_weight(self) -> Iterator[Problem]:
        if not 0 < sum(given.weight for given in self.allocations) < 1 << 31:
            yield Problem(("allocations",), "the weights must sum to 1 … 2147483647")


class FlagdByText(_Flagd):
    """Version 1: flagd core before 0.15.0; version 2: from there on, before texts were encoded."""

    version: Literal[1, 2]


class FlagdByCbor(_Flagd):
    """Version 3: `implicit` hashes the array [flag key, targeting key], `text` both joined to one text.

    `integer` and `boolean` hash a property of that type, whose text the unit id is.
    """

    version: Literal[3]
    bucketing: Literal["implicit", "text", "integer", "boolean"]

    @rule("flag_key", "bucketing")
    def _a_value_stands_alone(self) -> Iterator[Problem]:
        if self.flag_key and self.bucketing in ("integer", "boolean"):
            yield Problem(("flag_key",), f"has no effect on {self.bucketing} values", 'flag_key: ""')


Flagd = Annotated[FlagdByText | FlagdByCbor, Field(discriminator="version")]
