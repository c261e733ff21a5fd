"""The pieces vendors describe a split with: ranges of buckets, ends of ranges, integer weights, percentages.

A list of them is in the vendor's order, which decides ties and cumulated sums; a variant may own several.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Final

from pydantic import Field, Strict

from abspark.config.base import ConfigModel, Problem, rule
from abspark.config.schemes.base import Faults, Hashed, Variants
from abspark.config.values import Name, Number

Integer = Annotated[int, Strict()]
Bucket = Annotated[int, Strict(), Field(ge=0)]
Share = Annotated[Number, Field(ge=0.0, le=1.0)]
Percent = Annotated[Number, Field(ge=0.0, le=100.0)]
WHOLE_TOLERANCE: Final = 1e-8
Span = tuple[float, float]


class BucketRange(ConfigModel):
    """Buckets `start <= bucket < end`."""

    start: Bucket
    end: Bucket

    @rule("start", "end")
    def _not_empty(self) -> Iterator[Problem]:
        if self.start >= self.end:
            yield Problem(("end",), "must be above start")


class ShareRange(ConfigModel):
    """Shares `start <= hash < end` of the unit interval."""

    start: Share
    end: Share

    @rule("start", "end")
    def _not_empty(self) -> Iterator[Problem]:
        if self.start >= self.end:
            yield Problem(("end",), "must be above start")


class Owned(ConfigModel):
    """Something that belongs to a variant."""

    variant: Name | None

    @property
    def span(self) -> Span | None:
        """Where it begins and ends; None where it is no range of its own."""
        return None

    @property
    def amount(self) -> float:
        """How much it is, of what is no range."""
        return 0.0


class VariantRange(BucketRange, Owned):
    """The buckets of a variant."""

    variant: Name

    @property
    def span(self) -> Span:
        """As given."""
        return self.start, self.end


class VariantShareRange(ShareRange, Owned):
    """The part of the unit interval that a variant owns."""

    variant: Name

    @property
    def span(self) -> Span:
        """As given."""
        return self.start, self.end


class VariantEnd(Owned):
    """The buckets of a variant up to and without `end`, from the entry before; variant null = nobody's."""

    variant: Name | None
    end: Bucket


class VariantWeight(Owned):
    """The integer weight of a variant; variant null = units that are served but not in the experiment."""

    variant: Name | None
    weight: Bucket

    @property
    def amount(self) -> float:
        """As given."""
        return self.weight


class VariantPercent(Owned):
    """The percentage of a variant."""

    variant: Name
    percentage: Percent

    @property
    def amount(self) -> float:
        """As given."""
        return self.percentage


def unknown_variants(variants: Variants, named: Mapping[str, str | None]) -> Faults:
    """What names a variant that the experiment doesn't have, by key; None names none."""
    known = [name for name, _ in variants]
    given = [(key, name) for key, name in named.items() if name is not None]
    return [(key, f"unknown variant {name!r}") for key, name in given if name not in known]


def allocation_faults(
    variants: Variants, allocations: Sequence[Owned], key: str = "allocations", *, size: int | None = None
) -> Faults:
    """Unknown variants, variants with a weight but no allocation, ends that do not ascend or lie beyond `size`."""
    known = [name for name, _ in variants]
    faults = [
        (f"{key}[{index}].variant", f"unknown variant {given.variant!r}; the variants are {', '.join(known)}")
        for index, given in enumerate(allocations)
        if given.variant is not None and given.variant not in known
    ]
    listed = {given.variant for given in allocations}
    missing = [name for name, weight in variants if weight > 0 and name not in listed]
    faults += [(key, f"variant {name!r} has none") for name in missing]
    return [*faults, *_bound_faults(allocations, key, size)]


def uncovered(allocations: Sequence[VariantEnd], size: int) -> Faults:
    """Ends that stop short of the buckets."""
    last = max((given.end for given in allocations), default=0)
    if last >= size:
        return []
    return [
        (
            "allocations",
            f"they end at {last:,}, the buckets at {size:,}; variant null gives the rest to nobody",
        )
    ]


def weightless(allocations: Sequence[VariantWeight]) -> Iterator[Problem]:
    """The problem of weights that are all 0, for schemes that divide by their sum."""
    if not any(given.weight for given in allocations):
        yield Problem(("allocations",), "the weights sum to 0")


def over_whole(
    allocations: Sequence[Owned], whole: float = 100.0, what: str = "percentages"
) -> Iterator[Problem]:
    """The problem of amounts of which some lie beyond the whole, where nobody is."""
    total = math.fsum(given.amount for given in allocations)
    if total > whole * (1.0 + WHOLE_TOLERANCE):
        yield Problem(("allocations",), f"the {what} sum to {total:.10g}", f"a sum of at most {whole:g}")


def beyond(ranges: Sequence[BucketRange], size: int, *path: str) -> Iterator[Problem]:
    """The problems of ranges that end beyond the buckets, where nobody is; `path` leads to the list."""
    for index, given in enumerate(ranges):
        if given.end > size:
            yield Problem((*path, index, "end"), f"is beyond the {size:,} buckets")


def _bound_faults(allocations: Sequence[Owned], key: str, size: int | None) -> Iterator[tuple[str, str]]:
    last, taken = 0, list[tuple[float, float]]()
    for index, given in enumerate(allocations):
        if isinstance(given, VariantEnd):
            if given.end <= last:
                yield f"{key}[{index}].end", f"must be above {last}, or nothing is left for it"
            last = given.end
        if isinstance(given, BucketRange | ShareRange):
            if not _left((given.start, given.end), taken):
                yield f"{key}[{index}]", "lies within the entries before it, so nothing is left for it"
            taken.append((given.start, given.end))
        if isinstance(given, VariantEnd | BucketRange) and size is not None and given.end > size:
            yield f"{key}[{index}].end", f"is beyond the {size:,} buckets"


def _left(span: Span, taken: Sequence[Span]) -> float:
    """How much of a range those before it have not taken."""
    start, end = span
    left = 0.0
    for low, high in sorted(taken):
        left += max(0.0, min(low, end) - start)
        start = max(start, high)
    return left + max(0.0, end - start)


def sizes_of(allocations: Sequence[Owned]) -> dict[str, float]:
    """How much of the list each variant owns; where ranges overlap, the earlier one does."""
    sizes, taken, last = dict[str, float](), list[Span](), 0.0
    for given in allocations:
        size = given.amount
        if isinstance(given, VariantEnd):
            size, last = given.end - last, float(given.end)
        if given.span is not None:
            size = _left(given.span, taken)
            taken.append(given.span)
        if given.variant is not None:
            sizes[given.variant] = sizes.get(given.variant, 0.0) + size
    return sizes


class Allocated(Hashed):
    """Base of the schemes whose vendor lists who owns what, in order."""

    allocations: tuple[Owned, ...]

    @property
    def size(self) -> int | None:
        """How many buckets the allocations share out; None where they are no ranges of buckets."""
        return None

    def sizes(self) -> dict[str, float]:
        """How much each variant gets of what is shared out."""
        return sizes_of(self.allocations)

    def own_faults(self, variants: Variants) -> Faults:
        """Allocations that do not fit the variants, or lie beyond the buckets."""
        return allocation_faults(variants, self.allocations, size=self.size)
