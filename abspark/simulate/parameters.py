"""What a simulation is made of: sizes, the true effect, and the share of every fault."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import UTC, date, datetime, time, timedelta
from numbers import Integral, Real
from typing import Any, Final

from abspark.errors import UsageError

SCHEME: Final = "sha256"
SALT: Final = "ab-test-v1"
BUCKETS: Final = 10_000

LOOKBACK_DAYS: Final = 14
WINDOW_DAYS: Final = 7

MAX_UNITS: Final = 1_000_000_000
MAX_EXPERIMENTS: Final = 400
MAX_VARIANTS: Final = 64
PROPENSITY_PEAK: Final = 4
"""The unit most inclined to buy buys with `PROPENSITY_PEAK` times the mean probability."""

EXPOSURE_FAULTS: Final = ("duplicate_rows", "null_ids", "bad_times", "late", "unknown_variant")
EVENT_FAULTS: Final = ("duplicate_events", "null_ids", "bad_times", "late")
"""Faults of single rows of each log, of which a row has at most one."""

FAULTS: Final = (
    "duplicate_rows",
    "duplicate_events",
    "two_variants",
    "wrong_variant",
    "unknown_variant",
    "null_ids",
    "bad_times",
    "late",
    "before_exposure",
    "bots",
    "lost_treatment_rows",
)

_TYPES: Final[Mapping[str, tuple[Any, str]]] = {
    "int": (Integral, "a whole number"),
    "float": (Real, "a number"),
    "bool": (bool, "True or False"),
    "date": (date, "a date"),
}
"""Type of a parameter, as written: what may be given, and its words."""


@dataclass(frozen=True)
class Simulation:
    """Seeded raw logs with known truth; equal parameters give equal rows, however Spark partitions them.

    The event log begins 14 days before `start` and ends 7 days after the experiments do (`horizon`), so that
    every window `[0 d, 7 d)` is complete at the horizon. Each `floor(1 / share)` experiments form a layer: a
    unit is in at most one experiment of a layer, and layers are independent.

    Attributes:
        units: Units that exist, ids `user_000000000` and on, bots included.
        experiments: `exp_0`, `exp_1`, …; even ones are true nulls, odd ones have `effect`.
        days: Length of the experiments; first exposures are uniform over it.
        seed: Any integer; another seed gives other rows.
        start: First day (UTC) of every experiment.
        share: Share of units exposed in each experiment.
        exposures_per_unit: Mean exposure rows per unit and experiment, the first included, before faults.
        events_per_unit: Mean event rows per unit, before faults and effects.
        conversion: Mean probability that a unit buys within any 7 days without treatment; a unit buys at most
            once in 7 days.
        effect: Relative lift of that probability in the 7 days from the first exposure to the last treatment
            of an odd-numbered experiment; of k treatments the i-th has i / k of it. Lifts of several experiments
            multiply.
        variants: Number of variants, of equal weights.
        carry_variant: Whether the event log carries experiment and variant: then each event is logged once
            for every experiment its unit is in, before exposure too, and not at all if there is none.
        duplicate_rows: Share of exposure rows logged twice, to the last byte.
        duplicate_events: Share of event rows logged twice, to the last byte.
        two_variants: Share of units that are logged once in a second variant, after their first exposure.
        wrong_variant: Share of units shown, and recorded in, another variant than the hash gives.
        unknown_variant: Exposure rows added with a variant nobody configured, as a share of the rows.
        null_ids: Rows added without a unit id, as a share of the rows of each log.
        bad_times: Rows added without a time, as a share of the rows of each log.
        late: Rows added after the end, as a share of the rows of each log: exposures within 7 days after the
            experiment's end, events within 7 days after the horizon.
        before_exposure: Share of units with an additional click in the hour before their first exposure.
        bots: Share of units that are bots: marked in the exposure log, never buying, free of row faults.
        lost_treatment_rows: Share of treatment units whose exposures are missing from the log: a sample ratio
            mismatch.
        non_ascii: Share of units whose id is not ASCII.

    Shares are probabilities: each row (or unit in an experiment) draws for itself. Faulty rows are added
    beside the true ones, so no fault but `lost_treatment_rows`, `two_variants` and `bots` takes a unit out of
    the analysis.
    """

    units: int = 10_000
    experiments: int = 4
    days: int = 14
    seed: int = 1
    start: date = date(2025, 3, 3)
    share: float = 0.5
    exposures_per_unit: float = 3.0
    events_per_unit: float = 20.0
    conversion: float = 0.08
    effect: float = 0.1
    variants: int = 2
    carry_variant: bool = False
    duplicate_rows: float = 0.01
    duplicate_events: float = 0.005
    two_variants: float = 0.004
    wrong_variant: float = 0.0005
    unknown_variant: float = 0.001
    null_ids: float = 0.001
    bad_times: float = 0.001
    late: float = 0.002
    before_exposure: float = 0.01
    bots: float = 0.01
    lost_treatment_rows: float = 0.0
    non_ascii: float = 0.0

    def __post_init__(self) -> None:
        """Refuse what cannot be simulated as described.

        Raises:
            UsageError: Naming the parameter, its value and what is allowed.
        """
        self._check_types()
        self._check_counts()
        for name in ("share", "conversion", "non_ascii", *FAULTS):
            value = getattr(self, name)
            _check(0 <= value <= 1, name, value, "from 0 to 1")
        _check(self.share > 0, "share", self.share, "more than 0")
        for names in (EXPOSURE_FAULTS, EVENT_FAULTS):
            total = math.fsum(getattr(self, name) for name in names)
            _check(total <= 1, " + ".join(names), total, "at most 1: a row has at most one of these faults")
        self._check_probabilities()

    def _check_types(self) -> None:
        for given in fields(self):
            value = getattr(self, given.name)
            types, allowed = _TYPES[str(given.type)]
            is_one = isinstance(value, types) and (given.type == "bool" or not isinstance(value, bool))
            _check(is_one, given.name, value, allowed)

    def _check_counts(self) -> None:
        for name, most in (("units", MAX_UNITS), ("experiments", MAX_EXPERIMENTS), ("days", 3_650)):
            value = getattr(self, name)
            _check(1 <= value <= most, name, value, f"from 1 to {most}")
        _check(2 <= self.variants <= MAX_VARIANTS, "variants", self.variants, f"from 2 to {MAX_VARIANTS}")
        _check(
            1 <= self.exposures_per_unit <= 1_000,
            "exposures_per_unit",
            self.exposures_per_unit,
            "from 1 to 1000",
        )
        least = self.purchases_per_unit
        _check(
            least <= self.events_per_unit <= 100_000,
            "events_per_unit",
            self.events_per_unit,
            f"from {least:.3g} (the purchases alone) to 100000",
        )

    def _check_probabilities(self) -> None:
        _check(-1 < self.effect <= 10, "effect", self.effect, "more than -1, at most 10")
        highest = PROPENSITY_PEAK * self.conversion * self.largest_lift
        _check(
            highest <= 1,
            "conversion",
            self.conversion,
            f"at most {1 / (PROPENSITY_PEAK * self.largest_lift):.3g} with this effect and these experiments",
        )

    @property
    def layer_size(self) -> int:
        """Experiments per layer."""
        return min(self.experiments, math.floor(1 / self.share + 1e-9))

    @property
    def layers(self) -> int:
        """Layers; the last may have fewer experiments."""
        return math.ceil(self.experiments / self.layer_size)

    @property
    def effects(self) -> tuple[float, ...]:
        """Relative lift of the purchase probability in odd-numbered experiments, control (0) first."""
        return tuple(self.effect * index / (self.variants - 1) for index in range(self.variants))

    @property
    def largest_lift(self) -> float:
        """The greatest product of lifts that one unit can have."""
        with_effect = sum(
            any(index % 2 for index in range(layer * self.layer_size, self.layer_end(layer)))
            for layer in range(self.layers)
        )
        return float((1 + max(self.effects)) ** with_effect)

    def layer_end(self, layer: int) -> int:
        """Number of the experiment after the layer's last."""
        return min((layer + 1) * self.layer_size, self.experiments)

    @property
    def variant_names(self) -> tuple[str, ...]:
        """Keys of the variants, control first."""
        if self.variants == 2:
            return ("control", "treatment")
        return ("control", *(f"treatment_{index}" for index in range(1, self.variants)))

    @property
    def log_days(self) -> int:
        """Days of the event log."""
        return LOOKBACK_DAYS + self.days + WINDOW_DAYS

    @property
    def purchases_per_unit(self) -> float:
        """Mean purchases of a unit over the event log, bots and effects left aside."""
        return self.conversion * self.log_days / WINDOW_DAYS

    @property
    def starts_at(self) -> datetime:
        """Start of every experiment, UTC."""
        return datetime.combine(self.start, time(), tzinfo=UTC)

    @property
    def ends_at(self) -> datetime:
        """End of every experiment, exclusive, UTC."""
        return self.starts_at + timedelta(days=self.days)

    @property
    def horizon(self) -> datetime:
        """Instant at which every window is complete; only late events come at or after it."""
        return self.ends_at + timedelta(days=WINDOW_DAYS)

    def clean(self) -> Simulation:
        """The same simulation without any fault."""
        none: dict[str, Any] = dict.fromkeys(FAULTS, 0.0)
        return replace(self, **none)

    def parameters(self) -> dict[str, str | int | float | bool]:
        """All parameters by name, the start as ISO date."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {**values, "start": self.start.isoformat()}


def _check(holds: bool, name: str, value: object, allowed: str) -> None:  # noqa: FBT001 - the condition
    if not holds:
        raise UsageError(f"simulation: {name} = {value!r}", allowed=allowed)
