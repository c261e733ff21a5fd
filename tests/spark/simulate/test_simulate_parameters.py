from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pytest

from abspark.errors import UsageError
from abspark.simulate import Simulation
from abspark.simulate.parameters import FAULTS
from abspark.simulate.population import bucket_ends


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"units": 0}, r"units = 0\n  allowed: from 1 to 1000000000"),
        ({"units": 2.5}, r"units = 2.5\n  allowed: a whole number$"),
        ({"units": "10"}, r"units = '10'\n  allowed: a whole number$"),
        ({"seed": True}, r"seed = True\n  allowed: a whole number$"),
        ({"effect": "0.1"}, r"effect = '0.1'\n  allowed: a number$"),
        ({"carry_variant": 1}, r"carry_variant = 1\n  allowed: True or False$"),
        ({"start": "2025-03-03"}, r"start = '2025-03-03'\n  allowed: a date$"),
        ({"experiments": 401}, r"experiments = 401\n  allowed: from 1 to 400"),
        ({"days": 0}, r"days = 0"),
        ({"variants": 1}, r"variants = 1\n  allowed: from 2 to 64"),
        ({"exposures_per_unit": 0.5}, r"exposures_per_unit = 0.5\n  allowed: from 1 to 1000"),
        ({"events_per_unit": 0.3}, r"events_per_unit = 0.3\n  allowed: from 0.4 "),
        ({"share": 0.0}, r"share = 0.0\n  allowed: more than 0"),
        ({"late": 1.5}, r"late = 1.5\n  allowed: from 0 to 1"),
        ({"bots": float("nan")}, r"bots = nan"),
        ({"effect": -1.0}, r"effect = -1.0\n  allowed: more than -1, at most 10"),
        ({"conversion": 0.21, "effect": 0.1}, r"conversion = 0.21\n  allowed: at most 0.207 "),
        ({"duplicate_rows": 0.6, "late": 0.5}, r"duplicate_rows \+ null_ids \+ bad_times \+ late"),
        ({"duplicate_events": 0.6, "late": 0.5}, r"duplicate_events \+ null_ids \+ bad_times \+ late"),
    ],
)
def test_impossible_parameters_are_refused_by_name(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Simulation(**wrong)


def test_whole_numbers_are_numbers() -> None:
    assert Simulation(share=1, units=np.int64(7), effect=np.float64(0.1)) == Simulation(share=1.0, units=7)


def test_conversion_may_be_as_high_as_no_unit_exceeds_certainty() -> None:
    # Two layers of two experiments, an odd one in each: 4 c 1.25^2 = 1.
    assert Simulation(conversion=0.16, effect=0.25).largest_lift == 1.5625
    # Harm needs no room.
    assert Simulation(conversion=0.25, effect=-0.5).largest_lift == 1.0


@pytest.mark.parametrize(
    ("experiments", "share", "size", "layers"),
    [(20, 0.2, 5, 4), (80, 0.05, 20, 4), (3, 1.0, 1, 3), (4, 0.3, 3, 2), (2, 0.01, 2, 1), (6, 1 / 3, 3, 2)],
)
def test_layers_hold_as_many_experiments_as_their_shares_allow(
    experiments: int, share: float, size: int, layers: int
) -> None:
    sim = Simulation(experiments=experiments, share=share, conversion=0.05)
    assert (sim.layer_size, sim.layers) == (size, layers)


def test_clean_keeps_all_but_the_faults() -> None:
    sim = Simulation(**dict.fromkeys(FAULTS, 0.1), units=7, effect=0.2, non_ascii=0.5)  # type: ignore[arg-type]
    assert sim.clean() == Simulation(**dict.fromkeys(FAULTS, 0.0), units=7, effect=0.2, non_ascii=0.5)  # type: ignore[arg-type]


def test_times_names_and_effects() -> None:
    sim = Simulation(start=date(2024, 2, 28), days=3, variants=4, effect=0.3)
    assert sim.starts_at == datetime(2024, 2, 28, tzinfo=UTC)
    assert sim.ends_at == datetime(2024, 3, 2, tzinfo=UTC)
    assert sim.horizon == datetime(2024, 3, 9, tzinfo=UTC)
    assert sim.log_days == 24
    assert sim.variant_names == ("control", "treatment_1", "treatment_2", "treatment_3")
    assert sim.effects == pytest.approx((0, 0.1, 0.2, 0.3))
    assert replace(sim, variants=2).variant_names == ("control", "treatment")
    assert sim.parameters()["start"] == "2024-02-28"


def test_bucket_ends_follow_the_services_double_arithmetic() -> None:
    # 0.1 added three times exceeds 0.3 in doubles, so bucket 3000 belongs to the third of ten variants.
    assert bucket_ends(10)[:4] == (1000, 2000, 3001, 4000)
    assert bucket_ends(2) == (5000, 10000)
    assert bucket_ends(3) == (3334, 6667, 10000)
