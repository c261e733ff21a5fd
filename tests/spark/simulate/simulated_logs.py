"""A small simulation with large faults, its logs collected, and what tests derive in plain Python."""

from __future__ import annotations

import hashlib
import math
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from pyspark.sql import DataFrame, Row, SparkSession
from pyspark.sql import functions as F

from abspark.simulate import Simulation, events, exposures

DAY = 86_400_000_000

FAULTY = Simulation(
    units=1_500,
    experiments=4,
    share=0.5,
    days=10,
    seed=11,
    exposures_per_unit=3.0,
    events_per_unit=8.0,
    variants=3,
    duplicate_rows=0.06,
    duplicate_events=0.04,
    two_variants=0.08,
    wrong_variant=0.05,
    unknown_variant=0.03,
    null_ids=0.05,
    bad_times=0.04,
    late=0.07,
    before_exposure=0.1,
    bots=0.1,
    lost_treatment_rows=0.3,
    non_ascii=0.2,
)


@dataclass(frozen=True)
class Logs:
    """Rows have `at`, microseconds since the epoch, in place of `ts`."""

    sim: Simulation
    exposures: list[Row]
    events: list[Row]
    schemas: tuple[str, str]

    @property
    def start(self) -> int:
        return round(self.sim.starts_at.timestamp()) * 1_000_000

    @property
    def end(self) -> int:
        return self.start + self.sim.days * DAY

    @property
    def horizon(self) -> int:
        return self.end + 7 * DAY


def collect(spark: SparkSession, sim: Simulation) -> Logs:
    shown, log = exposures(spark, sim), events(spark, sim)
    return Logs(
        sim, collected(shown), collected(log), (shown.schema.simpleString(), log.schema.simpleString())
    )


def collected(log: DataFrame) -> list[Row]:
    return log.withColumn("at", F.unix_micros("ts")).drop("ts").collect()


def hashed_variant(experiment_id: str, user_id: str, names: tuple[str, ...]) -> str:
    """The scheme's definition: bucket / 10000 against cumulative equal weights."""
    digest = hashlib.sha256(f"ab-test-v1:{experiment_id}:{user_id}".encode()).hexdigest()
    bucket = int(digest[:8], 16) % 10_000
    cumulative = 0.0
    for name in names:
        cumulative += 1 / len(names)
        if bucket / 10_000 < cumulative:
            return name
    return names[-1]


def by_unit(rows: Iterable[Row]) -> dict[tuple[str, str], list[Row]]:
    """Exposures of a unit in an experiment, in order of time."""
    units = defaultdict(list)
    for row in sorted(rows, key=lambda row: (row.at, row.event_id)):
        units[row.experiment_id, row.user_id].append(row)
    return units


def true_rows(rows: Iterable[Row]) -> list[Row]:
    """Those without a fault: ids of faulty rows begin with a mark, duplicates are equal."""
    return [row for row in without_doubles(rows) if row.event_id[0] in "xepc"]


def without_doubles(rows: Iterable[Row]) -> list[Row]:
    return list(dict.fromkeys(rows))


def doubles(rows: Iterable[Row]) -> int:
    """Rows beyond the first of each that is there several times."""
    return sum(count - 1 for count in Counter(rows).values())


def assert_share(observed: int, total: int, share: float) -> None:
    """Within 4 standard errors of a binomial; that random seeds pass has a probability of 0.99994."""
    band = 4 * math.sqrt(total * share * (1 - share))
    assert abs(observed - total * share) <= band, (observed, total * share, band)
    assert observed > 0
