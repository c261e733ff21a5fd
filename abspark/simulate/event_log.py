"""The event log: browsing that nothing changes, purchases that treatments lift, faulty rows beside them."""

from __future__ import annotations

import math
from functools import reduce
from operator import mul
from typing import Final

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from abspark.simulate import draws, faults, population
from abspark.simulate.parameters import EVENT_FAULTS, LOOKBACK_DAYS, WINDOW_DAYS, Simulation
from abspark.simulate.population import DAY, SECOND

CLICKS_BEFORE_EXPOSURE: Final = "c"
"""Branch of the clicks that `before_exposure` adds."""

BROWSING: Final = (("page_view", 70), ("session", 15), ("click", 14), ("signup", 1))
"""Event types of browsing, each with its share in percent."""

MEDIAN_AMOUNT: Final = 20.0
AMOUNT_SPREAD_OF_UNITS: Final = 0.7
AMOUNT_SPREAD: Final = 0.9
"""Standard deviations of an amount's logarithm between units and within a unit."""

_HOUR: Final = 3_600 * SECOND
_MAX_ACTIVITY: Final = 37


def events(spark: SparkSession, sim: Simulation) -> DataFrame:
    """The log, a row for each thing a unit did.

    Columns: event_id, user_id, event_type (page_view, session, click, signup, purchase), amount (double, of
    purchases only), ts (timestamp); with `carry_variant` also experiment_id and variant, and then a row for
    each experiment the unit is in.
    """
    rows = event_rows(spark, sim)
    base = F.concat(F.col("branch"), F.col("number").cast("string"))
    columns = {
        "event_id": faults.event_id(base),
        "user_id": faults.unit_or_null(F.col("user_id")),
        "event_type": F.col("event_type"),
        "amount": F.col("amount"),
        "ts": faults.instant(sim, "events", F.col("at"), end=(sim.days + WINDOW_DAYS) * DAY),
    }
    if sim.carry_variant:
        columns["event_id"] = F.concat(columns["event_id"], F.lit("/"), F.col("part").cast("string"))
        columns["experiment_id"] = population.experiment_id(F.col("experiment"))
        variant = population.shown(sim, F.col("unit"), F.col("experiment"), F.col("user_id"))
        columns["variant"] = population.variant_name(sim, variant)
    return rows.select(*(column.alias(name) for name, column in columns.items()))


def event_rows(spark: SparkSession, sim: Simulation) -> DataFrame:
    """The log before it is put into words: branch, number, unit, user_id, event_type, amount, at, bot, fault.

    `branch` and `number` together are the row's key (companions share it); `at` is microseconds after the
    start. With `carry_variant` also part (the layer) and experiment.
    """
    branches = {"e": _browsing(spark, sim), "p": _purchases(spark, sim)}
    if sim.before_exposure:
        branches[CLICKS_BEFORE_EXPOSURE] = _clicks_before_exposure(spark, sim)
    marked = [
        faults.add_companions(
            rows.withColumns({"branch": F.lit(name), "bot": population.is_bot(sim, F.col("unit"))}),
            sim,
            f"events {name}",
            EVENT_FAULTS,
        )
        for name, rows in branches.items()
    ]
    rows = reduce(DataFrame.unionByName, marked)
    return _carrying(sim, rows) if sim.carry_variant else rows


def daily_browsing(sim: Simulation) -> float:
    """Mean browsing events per unit and day."""
    return (sim.events_per_unit - sim.purchases_per_unit) / sim.log_days


def _browsing(spark: SparkSession, sim: Simulation) -> DataFrame:
    unit, number = F.col("unit"), F.col("number")
    width = math.floor(_MAX_ACTIVITY * daily_browsing(sim)) + 2
    rows = sim.units * daily_browsing(sim) * sim.log_days
    mean = daily_browsing(sim) * population.activity(sim, unit)
    many = draws.rounded(mean, draws.uniform(sim.seed, "browsing", unit, F.col("day")))
    opening = (F.col("day") - LOOKBACK_DAYS) * F.lit(DAY)
    return (
        population.cells(spark, sim, days=sim.log_days, per_unit=1, rows=rows)
        .withColumn("many", many)
        .where("many > 0")
        .withColumn("user_id", population.user_id(sim, unit))
        .withColumn("ordinal", F.explode(F.sequence(F.lit(1).cast("bigint"), F.col("many"))))
        .withColumn("number", F.col("cell") * F.lit(width) + F.col("ordinal"))
        .select(
            "number",
            "unit",
            "user_id",
            draws.pick(draws.uniform(sim.seed, "event type", number), BROWSING).alias("event_type"),
            F.lit(None).cast("double").alias("amount"),
            (opening + draws.whole(draws.uniform(sim.seed, "browsing at", number), float(DAY))).alias("at"),
        )
    )


def _purchases(spark: SparkSession, sim: Simulation) -> DataFrame:
    """At most one purchase of a unit in any 7 days: its occasions come exactly 7 days apart.

    The phase differs between units. Each window of 7 days has exactly one occasion, so that a lift of its
    probability is the lift of conversion, of purchases and of revenue alike.
    """
    unit, day, cell = F.col("unit"), F.col("day"), F.col("cell")
    phase = draws.whole(draws.uniform(sim.seed, "phase", unit), float(WINDOW_DAYS * DAY))
    is_occasion = F.expr(f"phase div {DAY}") == day % WINDOW_DAYS
    at = (day - LOOKBACK_DAYS) * F.lit(DAY) + F.col("phase") % F.lit(DAY)
    draw = draws.uniform(sim.seed, "purchase", cell)
    buys = draw < population.propensity(sim, unit) * _lift(sim)
    may_buy = draw < population.propensity(sim, unit) * sim.largest_lift
    return (
        population.cells(spark, sim, days=sim.log_days, per_unit=1, rows=sim.units * sim.purchases_per_unit)
        .withColumn("phase", phase)
        .where(is_occasion)
        .withColumn("at", at)
        .where(may_buy & ~population.is_bot(sim, unit))
        .withColumn("user_id", population.user_id(sim, unit))
        .where(buys)
        .select(
            cell.alias("number"),
            "unit",
            "user_id",
            F.lit("purchase").alias("event_type"),
            _amount(sim).alias("amount"),
            "at",
        )
    )


def _amount(sim: Simulation) -> Column:
    """Lognormal, to the cent: some units spend more than others, whatever they are shown."""
    of_unit = AMOUNT_SPREAD_OF_UNITS * draws.normal(sim.seed, "spending", F.col("unit"))
    of_purchase = AMOUNT_SPREAD * draws.normal(sim.seed, "amount", F.col("cell"))
    return F.round(F.exp(math.log(MEDIAN_AMOUNT) + of_unit + of_purchase), 2)


def _lift(sim: Simulation) -> Column:
    """Product of the lifts of the experiments whose 7 days from first exposure hold the instant `at`."""
    return reduce(mul, (_lift_of_layer(sim, layer) for layer in range(sim.layers)), F.lit(1.0))


def _lift_of_layer(sim: Simulation, layer: int) -> Column:
    unit, at = F.col("unit"), F.col("at")
    number = population.experiment(sim, unit, F.lit(layer).cast("bigint"))
    first = population.first_exposure(sim, unit, number)
    is_open = (number % 2 == 1) & (at >= first) & (at < first + F.lit(WINDOW_DAYS * DAY))
    variant = population.shown(sim, unit, number, F.col("user_id"))
    lift = F.element_at(F.array(*(F.lit(1 + effect) for effect in sim.effects)), (variant + 1).cast("int"))
    return F.when(is_open, lift).otherwise(F.lit(1.0))


def _clicks_before_exposure(spark: SparkSession, sim: Simulation) -> DataFrame:
    unit, number, cell = F.col("unit"), F.col("experiment"), F.col("cell")
    rows = sim.units * sim.layers * sim.before_exposure
    first = population.first_exposure(sim, unit, number)
    before = 1 + draws.whole(draws.uniform(sim.seed, "before exposure at", cell), float(_HOUR))
    cells = population.cells(spark, sim, days=1, per_unit=sim.layers, rows=rows)
    return (
        population.in_experiments(sim, cells)
        .where(draws.uniform(sim.seed, "before exposure", unit, number) < sim.before_exposure)
        .select(
            cell.alias("number"),
            "unit",
            population.user_id(sim, unit).alias("user_id"),
            F.lit("click").alias("event_type"),
            F.lit(None).cast("double").alias("amount"),
            (first - before).alias("at"),
        )
    )


def _carrying(sim: Simulation, rows: DataFrame) -> DataFrame:
    """Each row once for each experiment its unit is in: columns `part` (the layer) and `experiment` added."""
    layers = F.sequence(F.lit(0).cast("bigint"), F.lit(sim.layers - 1).cast("bigint"))
    return population.in_experiments(sim, rows.withColumn("part", F.explode(layers)))
