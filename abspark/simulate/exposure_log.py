"""The exposure log: first and repeated exposures, a second variant for some, and faulty rows beside them."""

from __future__ import annotations

import math

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from abspark.simulate import draws, faults, population
from abspark.simulate.parameters import EXPOSURE_FAULTS, Simulation
from abspark.simulate.population import DAY


def exposures(spark: SparkSession, sim: Simulation) -> DataFrame:
    """The log, a row for each time a unit was shown a variant.

    Columns: experiment_id, user_id, variant (strings), ts (timestamp), event_id, country, platform (strings),
    is_bot (boolean). Only faulty rows have NULLs. The platform varies between the exposures of a unit.
    """
    number = F.col("number")
    return exposure_rows(spark, sim).select(
        population.experiment_id(F.col("experiment")).alias("experiment_id"),
        faults.unit_or_null(F.col("user_id")).alias("user_id"),
        _recorded_variant(sim).alias("variant"),
        faults.instant(sim, "exposures", F.col("at"), end=sim.days * DAY).alias("ts"),
        faults.event_id(F.concat(F.lit("x"), number.cast("string"))).alias("event_id"),
        draws.pick(draws.uniform(sim.seed, "country", F.col("unit")), population.COUNTRIES).alias("country"),
        draws.pick(draws.uniform(sim.seed, "platform", number), population.PLATFORMS).alias("platform"),
        F.col("bot").alias("is_bot"),
    )


def _recorded_variant(sim: Simulation) -> Column:
    variant = F.when(F.col("second"), (F.col("variant") + 1) % sim.variants).otherwise(F.col("variant"))
    unknown = F.col("fault") == faults.UNKNOWN_VARIANT
    return F.when(unknown, F.lit("retired")).otherwise(population.variant_name(sim, variant))


def exposure_rows(spark: SparkSession, sim: Simulation) -> DataFrame:
    """The log before it is put into words.

    Columns: unit, experiment, user_id, variant (index), bot, fault; `at`, microseconds after the start;
    `number`, the row's key (companions share it); `second`, whether the row is in a second variant.
    """
    width = math.floor(2 * _daily_repeats(sim)) + 4
    ordinal = F.col("ordinal")
    is_second = ordinal > F.col("repeats")
    number = F.col("cell") * F.lit(width) + ordinal
    day_end = (F.col("day") + 1) * F.lit(DAY)
    opening = F.greatest(F.col("first"), F.col("day") * F.lit(DAY))
    repeated = opening + draws.whole(draws.uniform(sim.seed, "repeated exposure", number), day_end - opening)
    at = F.when(is_second, F.col("second_at")).when(ordinal == 0, F.col("first")).otherwise(repeated)
    rows = (
        _unit_days(spark, sim)
        .withColumn("ordinal", F.explode(F.sequence(F.col("lowest"), F.col("highest"))))
        .select(
            "unit",
            "experiment",
            "user_id",
            "variant",
            "bot",
            at.alias("at"),
            number.alias("number"),
            is_second.alias("second"),
        )
    )
    return faults.add_companions(rows, sim, "exposures", EXPOSURE_FAULTS)


def _unit_days(spark: SparkSession, sim: Simulation) -> DataFrame:
    """Days on which a unit is exposed in an experiment.

    Rows of the day have ordinals lowest … highest: 0 is the first exposure, 1 … repeats are repeated ones,
    repeats + 1 is the one in a second variant.
    """
    unit, number, day = F.col("unit"), F.col("experiment"), F.col("day")
    rows = sim.units * sim.experiments * sim.share * sim.exposures_per_unit
    cells = population.cells(spark, sim, days=sim.days, per_unit=sim.layers, rows=rows)
    exposed = (
        population.in_experiments(sim, cells)
        .withColumn("first", population.first_exposure(sim, unit, number))
        .where(F.col("first") < (day + 1) * F.lit(DAY))
    )
    second_at = _second_variant_at(sim)
    is_first_day = F.col("first") >= day * F.lit(DAY)
    is_second_day = F.expr(f"second_at div {DAY}") == day
    days = (
        exposed.withColumns({"repeats": _repeats(sim), "second_at": second_at})
        .withColumn("lowest", F.when(is_first_day, F.lit(0)).otherwise(F.lit(1)).cast("bigint"))
        .withColumn("highest", F.col("repeats") + F.coalesce(is_second_day.cast("bigint"), F.lit(0)))
        .where("highest >= lowest")
        .withColumn("user_id", population.user_id(sim, unit))
        .withColumn("variant", population.shown(sim, unit, number, F.col("user_id")))
        .withColumn("bot", population.is_bot(sim, unit))
    )
    if not sim.lost_treatment_rows:
        return days
    return days.where(~population.is_lost(sim, unit, number, F.col("variant")))


def _daily_repeats(sim: Simulation) -> float:
    """Mean repeated exposures per day from the first on, of which there are (days + 1) / 2 in the mean."""
    return (sim.exposures_per_unit - 1) * 2 / (sim.days + 1)


def _repeats(sim: Simulation) -> Column:
    """Repeated exposures on the day: some units see more than others, all days of a unit are alike."""
    key = (F.col("unit"), F.col("experiment"))
    habit = 2 * _daily_repeats(sim) * draws.uniform(sim.seed, "habit", *key)
    return draws.rounded(habit, draws.uniform(sim.seed, "repeats", *key, F.col("day")))


def _second_variant_at(sim: Simulation) -> Column:
    """When the unit is logged in a second variant, after its first exposure; NULL if never."""
    key = (F.col("unit"), F.col("experiment"))
    left = F.lit(sim.days * DAY - 1) - F.col("first")
    at = F.col("first") + 1 + draws.whole(draws.uniform(sim.seed, "second variant", *key), left)
    return F.when(draws.uniform(sim.seed, "two variants", *key) < sim.two_variants, at)
