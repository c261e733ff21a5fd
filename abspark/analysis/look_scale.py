"""Looks on record that count what earlier versions did, in the scales of today."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Final

from abspark.analysis.comparisons import Batch, Row
from abspark.analysis.look_series import HARMONIC_UNITS, RELATIVE_PRECISION, Key, key_of, scale_of

UNITS: Final = "units"
"""What earlier versions counted: units of both arms."""
_EQUAL_ARMS: Final = 1 / 4

Splits = Mapping[Key, Mapping[date, float]]
"""Harmonic units / units of the days that a run knows, ascending: the product of the arms' shares."""


def in_today_scales(looks: Sequence[Row], batch: Batch) -> list[Row]:
    """Rows of the table looks of one experiment, units as harmonic units; each has a scale, even if it told none.

    They are converted by the split that their day has today, which is the one it had unless data were restated. So
    under a split that changed, too, these looks have the information that they should have recorded.
    """
    by_tau = scale_of(batch.pairs[0].experiment) == RELATIVE_PRECISION
    untold = RELATIVE_PRECISION if by_tau else UNITS
    told: list[Row] = [{**row, "scale": row["scale"] or untold} for row in looks]
    if all(row["scale"] != UNITS for row in told):
        return told
    splits = _splits(batch)
    return [_harmonic(row, splits) if row["scale"] == UNITS else row for row in told]


def _harmonic(row: Row, splits: Splits) -> Row:
    share = _at(splits.get((row["metric"], row["treatment"]), {}), row["day"])
    return {**row, "scale": HARMONIC_UNITS, "information": row["information"] * share}


def _splits(batch: Batch) -> Splits:
    """Those of the headline comparisons for everyone, of which looks are made, that have units in both arms."""
    found: dict[Key, dict[date, float]] = {}
    for pair, units, harmonic in zip(
        batch.pairs, batch.units.tolist(), batch.harmonic_units.tolist(), strict=True
    ):
        if pair.headline and pair.everyone and harmonic > 0:
            found.setdefault(key_of(pair), {})[pair.day] = harmonic / units
    return {key: dict(sorted(days.items())) for key, days in found.items()}


def _at(splits: Mapping[date, float], day: date) -> float:
    """The split of the day, or where the run has no units of it, of the next that it has, else of the last."""
    if not splits:
        return _EQUAL_ARMS
    known = list(splits)
    return splits[known[min(bisect_left(known, day), len(known) - 1)]]
