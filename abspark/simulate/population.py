"""Who the units are, which experiments they are in, what they are shown and when.

Functions of a unit's number (0 … units - 1, bigint) and, where it matters, of the number of an experiment.
Instants are microseconds after the start of the experiments, bigint.
"""

from __future__ import annotations

import math
from typing import Final

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from abspark.simulate import draws
from abspark.simulate.parameters import BUCKETS, PROPENSITY_PEAK, SALT, Simulation

SECOND: Final = 1_000_000
DAY: Final = 86_400 * SECOND

ROWS_PER_PARTITION: Final = 1_000_000

COUNTRIES: Final = (("US", 40), ("DE", 20), ("BR", 15), ("IN", 15), ("JP", 10))
PLATFORMS: Final = (("web", 50), ("ios", 25), ("android", 25))
"""Attributes, each value with its share in percent."""


def cells(spark: SparkSession, sim: Simulation, *, days: int, per_unit: int, rows: float) -> DataFrame:
    """One row for each day, unit and one of `per_unit` parts of a unit: cell, day, unit, part, all bigint.

    Days follow each other, as in a log that was written as time went by; within a day the units come
    scattered. `rows`, how many log rows to expect of all cells, sets the number of partitions, and with it of
    files.
    """
    partitions = max(1, math.ceil(rows / ROWS_PER_PARTITION))
    step = _coprime_step(sim.units)
    place = F.expr(f"id div {per_unit} % {sim.units}")
    return spark.range(0, days * sim.units * per_unit, 1, partitions).select(
        F.col("id").alias("cell"),
        F.expr(f"id div {per_unit * sim.units}").alias("day"),
        (place * F.lit(step) % F.lit(sim.units)).alias("unit"),
        F.expr(f"id % {per_unit}").alias("part"),
    )


def _coprime_step(units: int) -> int:
    """A step near the golden section of `units` and coprime to it: its multiples meet every unit once."""
    step = max(1, int(units * 0.6180339887498949))
    while math.gcd(step, units) != 1:
        step += 1
    return step


def user_id(sim: Simulation, unit: Column) -> Column:
    """The unit's id as logged."""
    number = F.lpad(unit.cast("string"), 9, "0")
    if not sim.non_ascii:
        return F.concat(F.lit("user_"), number)
    plain = draws.uniform(sim.seed, "non-ASCII", unit) >= sim.non_ascii
    return F.concat(F.when(plain, F.lit("user_")).otherwise(F.lit("usér_名_")), number)


def is_bot(sim: Simulation, unit: Column) -> Column:
    """Whether the unit is a bot."""
    return draws.uniform(sim.seed, "bot", unit) < sim.bots


def _inclination(sim: Simulation, unit: Column) -> Column:
    return draws.uniform(sim.seed, "inclination", unit)


def activity(sim: Simulation, unit: Column) -> Column:
    """How active the unit is, before and after exposure alike: exponential of mean 1."""
    return draws.exponential(_inclination(sim, unit))


def propensity(sim: Simulation, unit: Column) -> Column:
    """Probability that the unit buys within 7 days without treatment: 4 c h^3 with uniform h, of mean c."""
    h = _inclination(sim, unit)
    return F.lit(PROPENSITY_PEAK * sim.conversion) * h * h * h


def experiment(sim: Simulation, unit: Column, layer: Column) -> Column:
    """Number of the experiment that the unit is in within the layer, bigint; NULL if none."""
    place = _place(sim, unit, layer)
    return F.when(_is_taken(sim, place, layer), layer * sim.layer_size + place)


def _place(sim: Simulation, unit: Column, layer: Column) -> Column:
    return draws.whole(draws.uniform(sim.seed, "layer", unit, layer), 1 / sim.share)


def _is_taken(sim: Simulation, place: Column, layer: Column) -> Column:
    """Whether there is an experiment at the place: not behind the layer's last, nor behind the last of all."""
    taken = place < sim.layer_size
    if sim.experiments % sim.layer_size == 0:
        return taken
    return taken & (layer * sim.layer_size + place < sim.experiments)


def in_experiments(sim: Simulation, rows: DataFrame) -> DataFrame:
    """Those of `rows` whose `unit` is in an experiment of the layer `part`; that `experiment` is added."""
    layer, place = F.col("part"), F.col("place")
    return (
        rows.withColumn("place", _place(sim, F.col("unit"), layer))
        .where(_is_taken(sim, place, layer))
        .withColumn("experiment", layer * sim.layer_size + place)
        .drop("place")
    )


def members(spark: SparkSession, sim: Simulation) -> DataFrame:
    """A row for each unit in each of its experiments: unit, experiment, user_id, variant (index shown)."""
    rows = sim.units * sim.experiments * sim.share
    unit, number, logged_id = F.col("unit"), F.col("experiment"), F.col("user_id")
    return (
        in_experiments(sim, cells(spark, sim, days=1, per_unit=sim.layers, rows=rows))
        .withColumn("user_id", user_id(sim, unit))
        .withColumn("variant", shown(sim, unit, number, logged_id))
        .select("unit", "experiment", "user_id", "variant")
    )


def experiment_id(number: Column) -> Column:
    """Id of an experiment."""
    return F.concat(F.lit("exp_"), number.cast("string"))


def first_exposure(sim: Simulation, unit: Column, number: Column) -> Column:
    """Instant of the unit's first exposure; the experiment's last second stays free for what follows it."""
    draw = draws.uniform(sim.seed, "first exposure", unit, number)
    return draws.whole(draw, float(sim.days * DAY - SECOND))


def bucket_ends(variants: int) -> tuple[int, ...]:
    """End of each variant's buckets b: those with b / 10000 < cumulative equal weight, in doubles."""
    ends, cumulative = [], 0.0
    for _ in range(variants - 1):
        cumulative += 1 / variants
        ends.append(sum(bucket / BUCKETS < cumulative for bucket in range(BUCKETS)))
    return (*ends, BUCKETS)


def _assigned(sim: Simulation, number: Column, logged_id: Column) -> Column:
    text = F.concat(F.lit(f"{SALT}:exp_"), number.cast("string"), F.lit(":"), logged_id)
    prefix = F.substring(F.sha2(text, 256), 1, 8)
    bucket = F.conv(prefix, 16, 10).cast("bigint") % BUCKETS
    passed = [(bucket >= end).cast("bigint") for end in bucket_ends(sim.variants)[:-1]]
    return sum(passed[1:], passed[0])


def shown(sim: Simulation, unit: Column, number: Column, logged_id: Column) -> Column:
    """Index of the variant the unit is shown, bigint: the one of its hash unless `wrong_variant` strikes."""
    assigned = _assigned(sim, number, logged_id)
    if not sim.wrong_variant:
        return assigned
    which = draws.uniform(sim.seed, "which wrong variant", unit, number)
    other = (assigned + 1 + draws.whole(which, sim.variants - 1)) % sim.variants
    return F.when(is_wrong(sim, unit, number), other).otherwise(assigned)


def is_wrong(sim: Simulation, unit: Column, number: Column) -> Column:
    """Whether the unit is shown another variant than its hash gives."""
    return draws.uniform(sim.seed, "wrong variant", unit, number) < sim.wrong_variant


def is_lost(sim: Simulation, unit: Column, number: Column, variant: Column) -> Column:
    """Whether the unit's exposures are missing from the log."""
    return (variant > 0) & (draws.uniform(sim.seed, "lost", unit, number) < sim.lost_treatment_rows)


def variant_name(sim: Simulation, variant: Column) -> Column:
    """Key of the variant with this index."""
    return F.element_at(F.array(*map(F.lit, sim.variant_names)), (variant + 1).cast("int"))
