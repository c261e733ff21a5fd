"""What only shows at size: many slots, many segment values, values that are large beside their spread."""

from __future__ import annotations

from collections import Counter

import numpy as np
import oracle
import pytest
from pipeline_runs import Tables, as_in_a_run, assert_same, run_world
from pyspark.sql import SparkSession
from pyspark.sql import functions as F
from rule_world import AS_OF, BUYS, DAY, HOUR, NEVER, START, VALUE, did, seen
from world import Experiment, Log, Metric, RawRow, World

from abspark.pipeline.keys import key_lo

SLOTS = 70
UNITS = 240
SHOWN = START + DAY
AMOUNTS = 1e9 + np.random.default_rng(20261001).normal(0, 1e3, 100)


def _letter(number: int) -> str | None:
    """53 values: two that share the last places are equally frequent, so that their order decides; some missing."""
    return None if number % 20 == 19 else f"s{number % 53:02d}"


def _exposures() -> list[RawRow]:
    rows = []
    for n in range(UNITS):
        level = ("low", "high", None)[n % 3]
        given = {"letter": _letter(n), "level": level}
        rows.append(
            seen(f"u{n}", SHOWN + n, ("a", "b", "b")[n % 3 if n % 2 else 0], experiment="many", **given)
        )
        if n % 4 == 0:
            rows.append(seen(f"u{n}", SHOWN - n, ("a", "b")[n % 8 == 0], experiment="few", **given))
    return rows + [seen(f"large{n}", SHOWN, "a", experiment="large") for n in range(len(AMOUNTS))]


def _events() -> list[RawRow]:
    rows = [did(f"u{n}", SHOWN + n + (n * 7 % 75) * HOUR, 1e9 + n % 7 / 1000) for n in range(UNITS)]
    rows += [did(f"u{n}", SHOWN + n + 5 * HOUR - 1, 1e9 - n % 5 / 1000) for n in range(0, UNITS, 2)]
    # Before every window and after every window, for the split of the ledger: many closes at 80h, few at 2h.
    rows += [did(f"u{n}", SHOWN - DAY + n, 1.0) for n in range(0, UNITS, 8)]
    rows += [did(f"u{n}", SHOWN + 100 * HOUR, 1.0) for n in range(0, UNITS, 8)]
    return rows + [did(f"large{n}", SHOWN, float(amount)) for n, amount in enumerate(AMOUNTS)]


METRICS = tuple(
    Metric(
        f"m{k:02d}", "shop", (k % 3) * HOUR, (k + 3) * HOUR, where=BUYS if k % 2 else None, binary=k % 5 == 0
    )
    for k in range(SLOTS)
)
STABLE = Metric("stable", "shop", 0, 80 * HOUR, value=VALUE)
WORLD = World(
    (
        Experiment(
            "many", ("a", "b"), START, START + 9 * DAY, (*(m.name for m in METRICS), "stable"), "log",
            segments=("letter",), series=False,
        ),
        Experiment(
            "few", ("a", "b"), START, START + 9 * DAY, ("m01", "m69", "stable"), "log",
            segments=("level", "letter"), segment_values=2,
        ),
        Experiment("large", ("a", "b"), START, START + 9 * DAY, ("stable",), "log"),
    ),
    (*METRICS, STABLE),
    (Log("log", _exposures(), attributes=("level", "letter"), carries_experiment=True),),
    (Log("shop", _events(), complete_until=SHOWN + 70 * HOUR),),
    AS_OF,
)  # fmt: skip


@pytest.fixture(scope="module")
def run(spark: SparkSession) -> Tables:
    with as_in_a_run(spark):
        return run_world(spark, WORLD, split=True)


def test_every_table_is_what_the_oracle_finds(run: Tables) -> None:
    expected = oracle.run(WORLD)
    assert_same(run.outcome._replace(drops=expected.drops), expected)
    assert _unsplit(run.outcome.drops) == Counter({key: rows for key, (rows, _) in expected.drops.items()})
    assert len({key[2] for key in run.outcome.moments}) == SLOTS + 1


def test_the_ledger_says_on_which_side_of_the_windows(run: Tables) -> None:
    pairs = {key: found for key, found in run.outcome.drops.items() if key[1] == "pairs"}
    # Units 0, 8, 16, … are in both experiments; -1 day is before and +100 h after the windows of both.
    sides = {(key[0], key[3]): found[0] for key, found in pairs.items() if key[3] != "outside_windows"}
    assert sides == {
        ("many", "before_window"): 30,
        ("many", "after_window"): 30,
        ("few", "before_window"): 30,
        ("few", "after_window"): 30,
    }


def test_the_ends_of_all_windows_are_the_sides_of_the_ledger(spark: SparkSession) -> None:
    """Windows reach from the exposure to five hours after it; the first metric, open at once, wants no such event.

    An event at the first instant is therefore within the windows' span, and one at the last window's end after it.
    """
    metrics = (Metric("never", "shop", 0, 2 * HOUR, where=NEVER), Metric("any", "shop", HOUR, 5 * HOUR))
    shown = [seen("u", SHOWN, "a", experiment="e")]
    times = (SHOWN - 1, SHOWN, SHOWN + HOUR - 1, SHOWN + HOUR, SHOWN + 5 * HOUR - 1, SHOWN + 5 * HOUR)
    world = World(
        (
            Experiment(
                "e", ("a", "b"), START, START + 9 * DAY, tuple(m.name for m in metrics), "log", series=False
            ),
        ),
        metrics,
        (Log("log", shown, carries_experiment=True),),
        (Log("shop", [did("u", at) for at in times]),),
        AS_OF,
    )
    with as_in_a_run(spark):
        drops = run_world(spark, world, split=True).outcome.drops
    assert {key[3]: rows for key, (rows, _) in drops.items() if key[1] == "pairs"} == {
        "before_window": 1, "outside_windows": 2, "after_window": 1,
    }  # fmt: skip


def test_without_the_split_a_sample_of_the_units_tells_of_the_events_before(spark: SparkSession) -> None:
    """Each unit buys twice an hour before it is exposed, when no window but that of another metric's covariate is open.

    The sample are the units whose key's last half is a multiple of 16, in whatever experiment.
    """
    ids = [f"u{n}" for n in range(UNITS)]
    bought = Metric("bought", "shop", 0, 2 * HOUR, where=BUYS)
    seldom = Metric("seldom", "shop", 0, HOUR, where=NEVER, lookback=5 * HOUR)
    ends = START + 9 * DAY
    world = World(
        tuple(Experiment(name, ("a", "b"), START, ends, ("bought", "seldom"), "log") for name in ("e", "f")),
        (bought, seldom),
        (
            Log(
                "log",
                [seen(u, SHOWN, "a", experiment=e) for u in ids for e in ("e", "f")],
                carries_experiment=True,
            ),
        ),
        (Log("shop", [did(u, SHOWN + given) for u in ids for given in (-HOUR, -HOUR, 3 * HOUR)]),),
        AS_OF,
    )
    with as_in_a_run(spark):
        drops = run_world(spark, world, per_unit=False).drops
    rows = spark.createDataFrame([(u,) for u in ids], "u string")
    drawn = rows.where(F.pmod(key_lo(F.col("u")), F.lit(16)) == 0).count()
    assert 0 < drawn < UNITS
    found = {
        (d.experiment_id, d.stage, d.reason): (d.rows, d.units)
        for d in drops
        if d.stage in ("pairs", "sample")
    }
    assert found == {
        ("e", "pairs", "outside_windows"): (3 * UNITS, UNITS),
        ("f", "pairs", "outside_windows"): (3 * UNITS, UNITS),
        ("e", "sample", "before_window"): (2 * drawn, drawn),
        ("f", "sample", "before_window"): (2 * drawn, drawn),
    }


def test_segments_keep_the_most_frequent_values(run: Tables) -> None:
    found = run.outcome.moments
    values = {key[4] for key in found if key[0] == "many" and key[3] == "letter"}
    assert len(values) == 52
    assert {"(other)", "(missing)"} < values
    # 240 units over 53 values, every twentieth missing: the rarest values are left to (other), ties by value.
    counts = {v: 0 for v in {_letter(n) for n in range(UNITS)} if v is not None}
    for n in range(UNITS):
        if (letter := _letter(n)) is not None:
            counts[letter] += 1
    dropped = sorted(counts, key=lambda v: (-counts[v], v))[50:]
    assert sorted(set(counts) - values) == sorted(dropped)
    n_other = sum(found["many", v, "stable", "letter", "(other)"].n for v in ("a", "b"))
    assert n_other == sum(counts[v] for v in dropped)
    assert {key[4] for key in found if key[0] == "few" and key[3] == "level"} == {"low", "high", "(missing)"}
    # "few" keeps two: 0 and 212 have s00, 4 and 216 have s04, others too, but their names come later.
    assert {key[4] for key in found if key[0] == "few" and key[3] == "letter"} == {"(other)", "s00", "s04"}


def test_variance_of_large_values_with_little_spread(run: Tables) -> None:
    found = run.outcome.moments["large", "a", "stable", None, None]
    assert found.n == len(AMOUNTS)
    assert found.mean == pytest.approx(AMOUNTS.mean(), rel=1e-15)
    # Squares of 1e9 have neighbours 128 apart: sums of squares would be off by 1e-4 of this variance, 1e6.
    assert found.var == pytest.approx(AMOUNTS.var(ddof=1), rel=1e-9)


def _unsplit(drops: dict[tuple[object, ...], tuple[int, int | None]]) -> Counter[tuple[object, ...]]:
    """Rows per key with the two sides put back together."""
    merged: Counter[tuple[object, ...]] = Counter()
    for key, (rows, _) in drops.items():
        side = key[3] in ("before_window", "after_window")
        merged[(*key[:3], "outside_windows", key[4]) if side else key] += rows
    return merged
