"""What all hash schemes share: dated changes, forced units, and the faults only the experiment can show."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Annotated, Self

from pydantic import Field

from abspark.config.base import ConfigModel
from abspark.config.values import ColumnName, Instant, Number

Variants = Sequence[tuple[str, float]]
"""The experiment's variants in their order: key and weight."""

Faults = list[tuple[str, str]]
"""What is wrong, as (dotted key below `assignment`, message)."""

Fraction = Annotated[Number, Field(gt=0.0, le=1.0)]
Weight = Annotated[Number, Field(ge=0.0, le=1.0)]

WEIGHT_TOLERANCE = 1e-6
SHARE_TOLERANCE = 0.01
"""How far a variant's share of what a scheme lists may be from its weight: buckets and percentages are whole."""
_SOURCE = "source"


class Period(ConfigModel):
    """In force from `since` (inclusive) to the next entry's; an absent key stays as outside `history`."""

    since: Instant = Field(alias="from")
    weights: Mapping[str, Weight] | None = Field(default=None, description="a weight for each variant, sum 1")

    def faults(self, variants: Variants) -> Faults:
        """Weights that do not cover the variants, or do not sum to 1; keys relative to the entry."""
        if self.weights is None:
            return []
        keys = [key for key, _ in variants]
        if sorted(keys) != sorted(self.weights):
            return [("weights", f"must name each variant once: {', '.join(keys)}")]
        total = math.fsum(self.weights.values())
        if abs(total - 1.0) > WEIGHT_TOLERANCE:
            return [("weights", f"must sum to 1, not {total:g}")]
        return []


class Scheme(ConfigModel):
    """Base of all schemes. `history`, where given, covers the experiment from its start."""

    scheme: str
    history: tuple[Period, ...] = ()

    def faults(self, variants: Variants, start: datetime | None = None) -> Faults:
        """What disagrees with the experiment's variants and, if given, its start; empty when all is well."""
        return [
            *self._period_faults(variants, start),
            *self.own_faults(variants),
            *self._dated_faults(variants),
        ]

    def own_faults(self, variants: Variants) -> Faults:  # noqa: ARG002 - for the schemes that list variants
        """What the scheme's own keys have against the variants, were there no `history`."""
        return []

    def sizes(self) -> dict[str, float]:
        """How much each variant gets of what is shared out; empty where the variants' weights alone say so."""
        return {}

    def doubts(self, variants: Variants) -> tuple[str, ...]:
        """Where the scheme shares units out otherwise than by the weights, by which the checks judge their counts."""
        found = (
            doubt
            for _, scheme, weights in self.periods(variants)
            for doubt in _other_shares(scheme.sizes(), weights)
        )
        return tuple(dict.fromkeys(found))

    def _period_faults(self, variants: Variants, start: datetime | None) -> Iterator[tuple[str, str]]:
        for index, period in enumerate(self.history):
            yield from ((f"history[{index}].{key}", message) for key, message in period.faults(variants))
        for index, (earlier, later) in enumerate(pairwise(self.history)):
            if later.since <= earlier.since:
                yield f"history[{index + 1}].from", "must be after the entry before it"
        if self.history and start is not None and start < self.history[0].since:
            yield "history[0].from", f"must not be after the experiment's start, {start.isoformat()}"

    def _dated_faults(self, variants: Variants) -> Iterator[tuple[str, str]]:
        for index, period in enumerate(self.history):
            if period.faults(variants):
                continue
            during = self._during(period)
            faults = during.own_faults(_weights(period, variants))
            new = [fault for fault in faults if fault not in self.own_faults(variants)]
            new += _broken_rules(during, period)
            yield from ((f"history[{index}].{key}", message) for key, message in new)

    def periods(self, variants: Variants) -> tuple[tuple[datetime | None, Self, Variants], ...]:
        """(from, the scheme as it was, the weights as they were) in order; from None = always: no history."""
        if not self.history:
            return ((None, self, variants),)
        return tuple(
            (period.since, self._during(period), _weights(period, variants)) for period in self.history
        )

    def _during(self, period: Period) -> Self:
        own = type(self).model_fields
        stated = {key: getattr(period, key) for key in type(period).model_fields if key in own}
        changes = {key: value for key, value in stated.items() if value is not None}
        return self.model_copy(update={**changes, "history": ()})


def _broken_rules(during: Scheme, period: Period) -> Iterator[tuple[str, str]]:
    """Rules of the scheme that a key of the period breaks: what one entry states was not there to be validated."""
    values = {name: getattr(during, name) for name in type(during).model_fields}
    for problem in during.problems_of(values, without={"history"}):
        if getattr(period, str(problem.path[0]), None) is not None:
            key = ".".join(map(str, problem.path))
            yield (
                key,
                problem.message
                if problem.allowed is None
                else f"{problem.message}; allowed: {problem.allowed}",
            )


def _other_shares(sizes: Mapping[str, float], variants: Variants) -> Iterator[str]:
    whole = math.fsum(sizes.values())
    for name, weight in variants if whole else ():
        share = sizes.get(name, 0.0) / whole
        if abs(share - weight) > SHARE_TOLERANCE:
            yield f"the assignment gives {name!r} {share:.4g} of the units in it, its weight is {weight:.4g}"


def _weights(period: Period, variants: Variants) -> Variants:
    if period.weights is None:
        return variants
    return [(key, period.weights[key]) for key, _ in variants]


class Hashed(Scheme):
    """Base of the schemes that can be derived again.

    `overrides` with the one key `source` names an exposure source whose rows are the forced units.
    """

    unit: ColumnName | None = Field(
        default=None, description="attribute that was hashed, where it is not the unit id (bucketing id)"
    )
    overrides: Mapping[str, str] = Field(
        default_factory=dict,
        description="unit id: the variant it was forced into, whatever its hash; or source: an exposure source",
    )

    @property
    def overrides_source(self) -> str | None:
        """The exposure source that lists the forced units; None where they are listed here."""
        return self.overrides[_SOURCE] if set(self.overrides) == {_SOURCE} else None

    @property
    def forced(self) -> Mapping[str, str]:
        """Unit id to variant, of the units that are listed here."""
        return {} if self.overrides_source is not None else self.overrides

    def faults(self, variants: Variants, start: datetime | None = None) -> Faults:
        """As for all schemes, and overrides into variants the experiment does not have."""
        known = [key for key, _ in variants]
        return [
            *super().faults(variants, start),
            *(
                (f"overrides.{unit}", f"unknown variant {variant!r}; the variants are {', '.join(known)}")
                for unit, variant in self.forced.items()
                if variant not in known
            ),
        ]
