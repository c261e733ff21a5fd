"""Coded events joined with assignments: each pair of an event and an experiment of its unit gets one status.

One sort-merge join on the first half of the unit key serves both kinds of log: events that carry their experiment
and events that do not. Every event leaves the join at least once, so that the ledger can count all of them.
"""

from __future__ import annotations

from enum import IntEnum
from functools import reduce

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from abspark.local_frame import local_frame
from abspark.pipeline.events import any_bit, mask_names, value_names, variant_hash
from abspark.pipeline.exposures import experiment_dimension
from abspark.pipeline.keys import same_unit
from abspark.pipeline.study import Study


class Status(IntEnum):
    """What became of an event (the first four) or of an event in one experiment of its unit."""

    duplicate_event = 0
    no_metric = 1
    bad_value = 2
    unmatched_unit = 3
    variant_disagrees = 4
    excluded_unit = 5
    not_wanted = 6
    before_window = 7
    after_window = 8
    outside_windows = 9
    kept = 10


def units(assignments: DataFrame, study: Study) -> DataFrame:
    """Assignments in coded form, unique by (hi, lo, x).

    `assignments` has the columns of the table of that name. Columns: hi, lo, x, v, t0 (epoch microseconds),
    vu, hash of the variant; excluded, lead (TRUE for one experiment of each unit), m0.., the slots of the experiment,
    attributes.
    """
    spark = assignments.sparkSession
    masks = mask_names(study, "m")
    rows = [
        (code, *study.masks(study.slots_of(experiment))) for code, experiment in enumerate(study.experiments)
    ]
    slots = local_frame(spark, rows, ", ".join(["x int", *(f"{name} bigint" for name in masks)]))
    dimension = experiment_dimension(spark, study).join(slots, on="x", how="inner")
    joined = assignments.join(F.broadcast(dimension), on="experiment_id", how="inner")
    coded = joined.select(
        F.col("unit_key_hi").alias("hi"),
        F.col("unit_key_lo").alias("lo"),
        "x",
        (F.array_position("variants", F.col("variant")) - 1).cast("int").alias("v"),
        variant_hash(F.col("variant")).alias("vu"),
        F.unix_micros("first_exposure_at").alias("t0"),
        F.col("excluded_reason").isNotNull().alias("excluded"),
        *masks,
        "attributes",
    )
    first_of_unit = Window.partitionBy("hi", "lo").orderBy("x")
    return coded.repartition("hi").withColumn("lead", F.row_number().over(first_of_unit) == 1)


def live_events(events: DataFrame, study: Study) -> DataFrame:
    """Valid coded events of all sources, placed by unit, with `status` where one is settled before the join.

    Of the rows of one unit with one event id the earliest counts; of several at that instant the one with the
    smallest value, then the smallest hash of all mapped columns. Rows without an event id are never duplicates.
    """
    columns = [
        "s", "hi", "lo", "t", "xe", "ve", *mask_names(study, "w"), *value_names(study),
        "claimed", "eh", "el", "tie0", "tie1",
    ]  # fmt: skip
    return events.where(F.col("reason").isNull()).select(*columns)


def with_event_status(events: DataFrame, study: Study, *, deduplicate: bool) -> DataFrame:
    """Place live events by unit and settle duplicate_event, no_metric, bad_value; a NULL status goes on to the join."""
    placed = events.repartition("hi")
    wanted = any_bit(mask_names(study, "w"))
    status = F.when(~F.col("claimed"), int(Status.no_metric)).when(~wanted, int(Status.bad_value))
    if deduplicate:
        copies = Window.partitionBy("hi", "lo", "s", "eh", "el").orderBy(
            "t", F.asc_nulls_last("tie0"), F.asc("tie1")
        )
        copy = F.col("eh").isNotNull() & (F.row_number().over(copies) > 1)
        placed = placed.withColumn("copy", copy)
        status = F.when(F.col("copy"), int(Status.duplicate_event)).otherwise(status)
    return placed.select(
        "s", "hi", "lo", "t", "xe", "ve", *mask_names(study, "w"), *value_names(study),
        status.alias("event_status"),
    )  # fmt: skip


def conversions(events: DataFrame, units: DataFrame, study: Study, *, split: bool) -> DataFrame:
    """Signatures: events of one unit in one experiment that count for the same slots, summed.

    `events` from `with_event_status`, `units` unique by (hi, lo, x). Rows are unique by their key: hi, lo, x, v, t0,
    lead, g (codes of the segment values), s, status, h0... Then c, events; d0.., sums of values. x, v, t0, lead and g
    are NULL where no unit matched. With `split`, pairs outside the windows say on which side.
    """
    e, u = events.alias("e"), units.alias("u")
    on = (
        (F.col("e.hi") == F.col("u.hi"))
        & same_unit(F.col("e.lo"), F.col("u.lo"))
        & F.col("e.event_status").isNull()
        & (F.col("e.xe").isNull() | (F.col("e.xe") == F.col("u.x")))
    )
    pairs = e.join(u, on=on, how="left")
    hits = _hits(study)
    reasoned = pairs.select(
        F.col("e.hi"), F.col("e.lo"), "x", "v", "t0", "lead", "g", "s",
        _status(study, hits, split=split).alias("status"),
        *(hit.alias(name) for hit, name in zip(hits, mask_names(study, "h"), strict=True)),
        *value_names(study),
    )  # fmt: skip
    kept = F.col("status") == int(Status.kept)
    hit_names = mask_names(study, "h")
    keyed = reasoned.select(
        "hi", "lo", "x", "v", "t0", "lead", "g", "s", "status",
        *(F.when(kept, F.col(name)).otherwise(F.lit(0).cast("bigint")).alias(name) for name in hit_names),
        *value_names(study),
    )  # fmt: skip
    key = ["hi", "lo", "x", "v", "t0", "lead", "g", "s", "status", *hit_names]
    sums = [F.sum(name).alias(name) for name in value_names(study)]
    return keyed.groupBy(*key).agg(F.count("*").alias("c"), *sums)


def _windows(study: Study) -> dict[tuple[int, int], tuple[int, ...]]:
    """Each distinct window with the masks of its slots."""
    spans = dict.fromkeys((slot.start, slot.end) for slot in study.slots)
    return {span: study.masks(s for s in study.slots if (s.start, s.end) == span) for span in spans}


def _hits(study: Study) -> list[Column]:
    """Per mask column the slots that this pair counts for: wanted, of this experiment, and within the window."""
    age = F.col("t") - F.col("t0")
    zero = F.lit(0).cast("bigint")
    hits = []
    for column, (wanted, mine) in enumerate(zip(mask_names(study, "w"), mask_names(study, "m"), strict=True)):
        open_slots = [
            F.when((age >= F.lit(start)) & (age < F.lit(end)), F.lit(masks[column]).cast("bigint")).otherwise(
                zero
            )
            for (start, end), masks in _windows(study).items()
            if masks[column]
        ]
        inside = reduce(lambda a, b: a.bitwiseOR(b), open_slots) if open_slots else zero
        hits.append(F.coalesce(F.col(wanted).bitwiseAND(F.col(mine)).bitwiseAND(inside), zero))
    return hits


def _status(study: Study, hits: list[Column], *, split: bool) -> Column:
    wanted = reduce(
        lambda a, b: a | b,
        (
            F.col(w).bitwiseAND(F.col(m)) != 0
            for w, m in zip(mask_names(study, "w"), mask_names(study, "m"), strict=True)
        ),
    )
    hit = reduce(lambda a, b: a | b, (column != 0 for column in hits))
    status = (
        F.when(F.col("event_status").isNotNull(), F.col("event_status"))
        .when(F.col("x").isNull(), int(Status.unmatched_unit))
        .when(_disagrees(study), int(Status.variant_disagrees))
        .when(F.col("excluded"), int(Status.excluded_unit))
        .when(~wanted, int(Status.not_wanted))
        .when(hit, int(Status.kept))
    )
    if split:
        age = F.col("t") - F.col("t0")
        status = status.when(age < F.lit(min(s.start for s in study.slots)), int(Status.before_window)).when(
            age >= F.lit(max(s.end for s in study.slots)), int(Status.after_window)
        )
    return status.otherwise(int(Status.outside_windows))


def _disagrees(study: Study) -> Column:
    """Only events whose source carries a variant can disagree with their unit's."""
    carriers = [code for code, source in enumerate(study.event_sources) if source.columns.variant is not None]
    if not carriers:
        return F.lit(False)  # noqa: FBT003 - a literal, not a flag
    differs = F.coalesce(F.col("ve") != F.col("vu"), F.lit(True))  # noqa: FBT003
    return F.col("s").isin(carriers) & differs
