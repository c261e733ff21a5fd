"""Logs whose rows crowd on a few units or on one experiment, beside logs as large whose rows don't."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from committed_tables import committed, run_records
from project_builder import AS_OF_INSTANT, START, VARIANTS, TinyProject, make_project, variant_of
from pyspark.sql import SparkSession

from abspark import runner

pytestmark = [pytest.mark.spark, pytest.mark.e2e, pytest.mark.long]

UNITS, EVENTS, ONE_UNIT = 200_000, 6_000_000, 5_000_000
EXPERIMENTS = ("button", "banner")
DAY = 86_400_000_000
WORKING = ("count exposures", "assignments", "count purchases", "moments")
Numbers = dict[tuple[str, str, str], tuple[float, float, float]]
"""n, sum and sum of squares by experiment, metric and variant."""


class Ran(NamedTuple):
    """Seconds of the stages that read logs, the longest of their tasks over the median one, and what was committed."""

    seconds: float
    skew: float
    events: int
    numbers: Numbers


Rows = np.ndarray[Any, np.dtype[np.int64]]


def even_events() -> Rows:
    """The unit of each event: all have as many."""
    return np.arange(EVENTS) % UNITS


def one_unit() -> Rows:
    """One unit has five of six million events."""
    return np.where(np.arange(EVENTS) < ONE_UNIT, 7, np.arange(EVENTS) % UNITS)


def few_units() -> Rows:
    """A hundredth of the units has nine tenths of the events."""
    number = np.arange(EVENTS)
    return np.where(number % 10 > 0, number % (UNITS // 100), number % UNITS)


def write_exposures(tiny: TinyProject, share: float) -> None:
    """Two exposures for each unit, `share` of all of them in the first experiment, the rest in the second."""
    first = int(2 * UNITS * share)
    experiment = np.repeat([0, 1], [first, 2 * UNITS - first])
    number = np.arange(2 * UNITS)
    unit = np.where(experiment == 0, number % UNITS, (number - first) % UNITS)
    rows = list(zip(experiment.tolist(), unit.tolist(), strict=True))
    tiny.write_parquet(
        "exposures",
        {
            "experiment": [EXPERIMENTS[x] for x, _ in rows],
            "user": users(unit),
            "variant": [variants(EXPERIMENTS[x])[u] for x, u in rows],
            "ts": times(number % 1000),
            "id": pc.cast(pa.array(number), pa.string()),
            "platform": ["web"] * len(rows),
        },
    )


@cache
def variants(experiment: str) -> np.ndarray[Any, Any]:
    return np.array([variant_of(experiment, f"u{unit}") for unit in range(UNITS)])


def amounts() -> np.ndarray[Any, np.dtype[np.float64]]:
    return (np.arange(EVENTS) % 100) / 4


def expected(units: Rows, share: float) -> Numbers:
    """By numpy: all purchases are within seven days of the first exposure of their unit, every other one is a `buy`."""
    per_unit = {
        "conversion": (np.bincount(units[::2], minlength=UNITS) > 0).astype(np.float64),
        "revenue": np.bincount(units, weights=amounts(), minlength=UNITS),
    }
    first = int(2 * UNITS * share)
    chosen = {
        "button": (min(first, UNITS), ("conversion", "revenue")),
        "banner": (min(2 * UNITS - first, UNITS), ("conversion",)),
    }
    found = {}
    for experiment, (shown, metrics) in chosen.items():
        for metric in metrics:
            for variant in VARIANTS[experiment]:
                mine = per_unit[metric][:shown][variants(experiment)[:shown] == variant]
                found[experiment, metric, variant] = (float(len(mine)), mine.sum(), (mine**2).sum())
    return found


def committed_numbers(spark: SparkSession, tiny: TinyProject) -> Numbers:
    """Of everyone on the last day."""
    rows = committed(spark, tiny.load(), names=["moments"])["moments"]
    last = max(row["day"] for row in rows)
    return {
        (row["experiment_id"], row["metric"], row["variant"]): (
            row["n"],
            row["n"] * row["mean_num"],
            (row["n"] - 1) * row["var_num"] + row["n"] * row["mean_num"] ** 2,
        )
        for row in rows
        if row["day"] == last and row["segment_name"] is None and row["metric"] != "visit_count"
    }


def flat(numbers: Numbers) -> dict[tuple[str, ...], float]:
    return {
        (*key, name): number
        for key, each in numbers.items()
        for name, number in zip(("n", "sum", "squares"), each, strict=True)
    }


def users(units: Rows) -> pa.Array:
    return pc.binary_join_element_wise("u", pc.cast(pa.array(units), pa.string()), "")


def times(seconds: Rows) -> pa.Array:
    return pa.array(int(START.timestamp() * 1e6) + seconds * 1_000_000, pa.timestamp("us", tz="UTC"))


LARGE = {
    "spark.sql.shuffle.partitions": "32",
    "spark.sql.adaptive.enabled": "true",
    "spark.sql.adaptive.advisoryPartitionSizeInBytes": "1m",
}
"""As many partitions as a cluster has; adaptive execution may join and split them, but not make do with a few."""


@pytest.fixture(scope="module")
def large(compiling: SparkSession) -> Iterator[SparkSession]:
    before = {key: compiling.conf.get(key, None) for key in LARGE}
    for key, value in LARGE.items():
        compiling.conf.set(key, value)
    yield compiling
    for key, old in before.items():
        if old is None:
            compiling.conf.unset(key)
        else:
            compiling.conf.set(key, old)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> TinyProject:
    tiny = make_project(tmp_path_factory.mktemp("skewed"))
    tiny.edit(
        "sources/logs.yaml",
        "format: csv\n    path: data/exposures",
        "format: parquet\n    path: data/exposures",
    )
    return tiny


def ran(spark: SparkSession, tiny: TinyProject, units: Rows, share: float) -> Ran:
    write_exposures(tiny, share)
    number = np.arange(EVENTS)
    tiny.write_parquet(
        "purchases",
        {
            "user": users(units),
            "ts": times(1000 + number % (5 * 86_400)),
            "kind": pa.DictionaryArray.from_arrays(pa.array(number % 2), ["buy", "view"]).cast(pa.string()),
            "amount": pa.array(amounts()),
            "id": pc.cast(pa.array(number), pa.string()),
        },
    )
    runner.run(spark, tiny.load(), as_of=AS_OF_INSTANT)
    [record, *_] = run_records(spark, tiny.load())
    costs = [cost for cost in record["costs"] if cost["stage"] in WORKING]
    [read] = [row["kept"] for row in record["inputs"] if row["source"] == "purchases"]
    skews = {cost["stage"]: cost["skew"] for cost in costs}
    assert skews.keys() == set(WORKING)
    assert None not in (skews["count purchases"], skews["moments"])
    worst = max(skew for skew in skews.values() if skew is not None)
    return Ran(sum(cost["seconds"] for cost in costs), worst, read, committed_numbers(spark, tiny))


@pytest.fixture(scope="module")
def even(large: SparkSession, tiny: TinyProject) -> Ran:
    return ran(large, tiny, even_events(), 0.5)


def test_even_logs(even: Ran) -> None:
    assert flat(even.numbers) == pytest.approx(flat(expected(even_events(), 0.5)), rel=1e-9)


@pytest.mark.parametrize(
    ("events", "share"),
    [(one_unit, 0.5), (few_units, 0.5), (even_events, 0.95)],
    ids=["one unit", "one unit in a hundred", "one experiment"],
)
def test_crowded_logs(
    large: SparkSession, tiny: TinyProject, even: Ran, events: Callable[[], Rows], share: float
) -> None:
    crowded = ran(large, tiny, events(), share)
    assert flat(crowded.numbers) == pytest.approx(flat(expected(events(), share)), rel=1e-9)
    assert crowded.events == even.events
    assert crowded.seconds < 2 * even.seconds
    assert crowded.skew < 10
