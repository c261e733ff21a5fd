"""Coded events joined with assignments: each pair of an event and an experiment of its unit gets one status.

One sort-merge join on the first half of the unit key serves both kinds of log: events that carry their experiment
and events that do not. Every event leaves the join at least once, so that the ledger can count all of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import IntEnum
from functools import reduce
from typing import Final

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from abspark.config import EventSource
from abspark.local_frame import local_frame
from abspark.pipeline.attribute_values import attribute_names
from abspark.pipeline.buckets import bucket_depth
from abspark.pipeline.calendar import NEVER, Calendar, day_index
from abspark.pipeline.events import (
    REST_FROM,
    any_bit,
    carried_names,
    deciding_value,
    identity_names,
    key_names,
    mask_names,
    value_names,
    variant_hash,
)
from abspark.pipeline.exposure_days import exposure_depth, since_exposure
from abspark.pipeline.exposures import experiment_dimension
from abspark.pipeline.keys import in_sample, same_unit, sort_prefix
from abspark.pipeline.literals import per_code
from abspark.pipeline.packing import Small, grouped
from abspark.pipeline.plans import DEN, NUM, Slot
from abspark.pipeline.segments import most_codes
from abspark.pipeline.signatures import measures
from abspark.pipeline.spreading import HOME
from abspark.pipeline.study import BITS_PER_MASK, Study
from abspark.pipeline.triggers import trigger_names, triggered


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


_OPEN: Final = 0
_SETTLED: Final = {Status.no_metric: 1, Status.bad_value: 2, Status.duplicate_event: 3}
"""The last two bits of an event's `c`, by what became of it before it met its unit; a duplicate is that above all."""


def units(assignments: DataFrame, study: Study, calendars: Sequence[Calendar]) -> DataFrame:
    """Assignments in coded form, unique by (hi, lo, x).

    `assignments` has the columns of the table of that name. Columns: hi, lo, x, v, t0 (epoch microseconds),
    vu, hash of the variant; excluded, m0.., the slots of the experiment, b, start of the experiment (epoch
    microseconds), where a window counts from that; leaves, index of the day on which the unit leaves the analysis (0
    where it never was in it, NEVER where it stays); attributes.
    """
    spark = assignments.sparkSession
    masks = mask_names(study, "m")
    rows = [
        (code, *study.masks(study.slots_of(experiment))) for code, experiment in enumerate(study.experiments)
    ]
    slots = local_frame(spark, rows, ", ".join(["x int", *(f"{name} bigint" for name in masks)]))
    dimension = experiment_dimension(spark, study).join(slots, on="x", how="inner")
    joined = assignments.join(F.broadcast(dimension), on="experiment_id", how="inner")
    return joined.select(
        F.col("unit_key_hi").alias("hi"),
        F.col("unit_key_lo").alias("lo"),
        "x",
        (F.array_position("variants", F.col("variant")) - 1).cast("int").alias("v"),
        variant_hash(F.col("variant")).alias("vu"),
        F.unix_micros("first_exposure_at").alias("t0"),
        F.col("excluded_reason").isNotNull().alias("excluded"),
        *masks,
        *(F.col("starts").alias(name) for name in base_names(study)),
        _leaves(calendars).alias("leaves"),
        "attributes",
    )


def placed_units(units: DataFrame) -> DataFrame:
    """Coded units where the events of their key are, with lead, TRUE for one experiment of each unit."""
    first_of_unit = Window.partitionBy("hi", "lo").orderBy("x")
    return units.repartition("hi").withColumn("lead", F.row_number().over(first_of_unit) == 1)


def _leaves(calendars: Sequence[Calendar]) -> Column:
    reason = F.col("excluded_reason")
    second = day_index(F.unix_micros("second_variant_at"), calendars)
    return F.when(reason.isNull(), NEVER).when(reason == "multiple_variants", second).otherwise(0)


def live_events(events: DataFrame, source: EventSource, study: Study) -> DataFrame:
    """Valid coded events of one source, in as few columns of fixed width as decide all that follows.

    `c` holds the source's code and, in its last two bits, the status that the event has on its own, 0 for none. Where
    events have no id, all are without: the others were dropped. Beyond the codes `c` has `rest`, until copies are told
    apart: a column less to shuffle.
    """
    settled = F.lit(_OPEN)
    if source.columns.event_id is not None:
        wanted = any_bit(mask_names(study, "w"))
        settled = (
            F.when(~F.col("claimed"), _SETTLED[Status.no_metric])
            .when(~wanted, _SETTLED[Status.bad_value])
            .otherwise(_OPEN)
        )
    codes, identity = F.col("s") * 4 + settled, identity_names(study)
    if "rest" in identity:
        codes = F.col("rest").bitwiseOR(codes.cast("bigint"))
    return events.where(F.col("reason").isNull()).select(
        "hi", "lo", "t", codes.alias("c"), *(name for name in identity if name != "rest"), *_content(study)
    )


def placed_events(events: DataFrame, study: Study) -> DataFrame:
    """Live events of all sources, placed by unit; `c` tells duplicates, too.

    Of the rows of one unit and source with one event id the earliest counts; of several at that instant the one with
    the smallest value, then the least by a hash of all that its source maps: rows equal in that are the same to every
    result. Rows without an event id are never duplicates.
    """
    placed = events.repartition("hi")
    if not identity_names(study):
        return placed
    value = deciding_value(study)
    decides = [] if value is None else [F.asc_nulls_last(value)]
    copies = Window.partitionBy("place", "hi", "lo", "e").orderBy("t", *decides, "c")
    event = F.coalesce(F.shiftrightunsigned("e", 40), F.lit(0).cast("bigint"))
    copy = F.col("e").isNotNull() & (F.row_number().over(copies) > 1)
    ranked = placed.withColumn("place", sort_prefix(event, 24)).withColumn("copy", copy)
    codes = F.col("c").bitwiseAND(F.lit((1 << REST_FROM) - 1)).cast("int")
    settled = codes.bitwiseOR(_SETTLED[Status.duplicate_event])
    return ranked.select(
        "hi", "lo", *_home(events), "t", F.when(F.col("copy"), settled).otherwise(codes).alias("c"),
        *_content(study),
    )  # fmt: skip


def _home(events: DataFrame) -> list[str]:
    return [name for name in events.columns if name == HOME]


def _content(study: Study) -> list[str]:
    """The columns that say where a live event counts, and with what; values first."""
    return [
        *value_names(study), *mask_names(study, "w"), *key_names(study), *carried_names(study),
    ]  # fmt: skip


def base_names(study: Study) -> list[str]:
    """The column `b` of units, where any window counts from the experiment's start."""
    return ["b"] if any(slot.anchor == "experiment_start" for slot in study.slots) else []


def unit_names(study: Study) -> list[str]:
    """The columns that every row of one unit in one experiment shares, but for its codes and key."""
    carried = [*base_names(study), *attribute_names(study)]
    return ["t0", "lead", "g", "leaves", *carried, *trigger_names(study)]


def conversions(
    events: DataFrame, units: DataFrame, study: Study, calendars: Sequence[Calendar], *, split: bool
) -> DataFrame:
    """Signatures: events of one unit in one experiment that count for the same slots, summed up.

    `events` from `placed_events`, `units` unique by (hi, lo, x), in both of which `abspark.pipeline.spreading` may have
    replaced keys; then there is HOME, too. Rows are unique by their key: hi, lo, x, v, t0,
    lead, g (codes of the segment values), leaves, b and r0.. (start of the experiment and first trigger events, where
    windows count from those), a0.. (attributes that are covariates), s, status, h0.., day (index of the events' day,
    where sums grow by the day), since (their day since exposure, where there is such a series). Then the columns of
    `measures`. What comes from the unit is NULL where none matched. Events of a unit that leaves on a later day keep
    their slots: they count for the days before. Pairs outside the windows say on which side of an experiment's windows
    they lie with `split`; without it those of a sample of the units do that lie before.
    """
    home = _home(events)
    joined = _paired(events, units, study, home)
    pairs = triggered(joined, study, usable=~_disagrees(study) & (F.col("leaves") > 0))
    hits = _hits(study)
    carried = ["t", *value_names(study), *key_names(study)]
    reasoned = pairs.select(
        "hi", "lo", *home, "x", "v", *unit_names(study), "s",
        _status(study, hits, split=split).alias("status"),
        *(hit.alias(name) for hit, name in zip(hits, mask_names(study, "h"), strict=True)),
        *carried,
    )  # fmt: skip
    kept = F.col("status") == int(Status.kept)
    left = (F.col("status") == int(Status.excluded_unit)) & (F.col("leaves") > 0)
    counting = kept | left if any(e.series.enabled for e in study.experiments) else kept
    hit_names = mask_names(study, "h")
    day = F.when(counting, day_index(F.col("t"), calendars)).otherwise(0)
    days = {"day": day} if bucket_depth(study, calendars) else {}
    if exposure_depth(study):
        days["since"] = F.when(counting, since_exposure(study)).otherwise(0)
    shared = ["hi", "lo", *home, "x", "v", *unit_names(study), "s", "status"]
    keyed = reasoned.select(
        *shared,
        *(F.when(counting, F.col(name)).otherwise(F.lit(0).cast("bigint")).alias(name) for name in hit_names),
        *(column.alias(name) for name, column in days.items()),
        *carried,
    )
    smalls = [*small_names(study), *_small_hits(study), *_small_days(study, calendars, days)]
    return grouped(keyed, [*home, *wide_names(study)], smalls, measures(study))


def wide_names(study: Study) -> list[str]:
    """The columns that every row of one unit in one experiment shares and that take a long each."""
    return ["hi", "lo", "t0", *base_names(study), *attribute_names(study), *trigger_names(study)]


def small_names(study: Study) -> list[Small]:
    """The other columns that it shares, and the source and status that its events are told apart by."""
    experiments = study.experiments
    segments = max(len(experiment.segments) for experiment in experiments)
    return [
        Small("x", len(experiments) - 1),
        Small("v", max(len(experiment.variants) for experiment in experiments) - 1, low=-1),
        Small("lead", 1, type="boolean"),
        Small("leaves", NEVER),
        Small("s", len(study.event_sources) - 1),
        Small("status", max(Status)),
        Small("g", most_codes(segments), type="bigint"),
    ]


def _small_hits(study: Study) -> list[Small]:
    used = len(study.slots) if study.mask_count == 1 else BITS_PER_MASK
    return [Small(name, (1 << used) - 1, type="bigint") for name in mask_names(study, "h")]


def _small_days(study: Study, calendars: Sequence[Calendar], days: Mapping[str, Column]) -> list[Small]:
    most = {"day": max(len(calendar.ends) for calendar in calendars), "since": exposure_depth(study)}
    return [Small(name, most[name] - 1) for name in days]


def _paired(events: DataFrame, units: DataFrame, study: Study, home: Sequence[str]) -> DataFrame:
    """Each event with each assignment of its unit that it may count for; one that is settled or has none, once."""
    e, u = events.alias("e"), units.alias("u")
    settled = F.col("e.c").bitwiseAND(3)
    on = (F.col("e.hi") == F.col("u.hi")) & same_unit(F.col("e.lo"), F.col("u.lo")) & (settled == _OPEN)
    if "xe" in carried_names(study):
        on = on & (F.col("e.xe").isNull() | (F.col("e.xe") == F.col("u.x")))
    event_status = F.lit(None).cast("int")
    for status, bits in _SETTLED.items():
        event_status = F.when(settled == bits, int(status)).otherwise(event_status)
    return e.join(u, on=on, how="left").select(
        "e.hi", "e.lo", *home, F.shiftright("e.c", 2).alias("s"), "t", event_status.alias("event_status"),
        *_content(study),
        "x", "v", "vu", "excluded", "t0", "lead", "g", "leaves", *mask_names(study, "m"), *base_names(study),
        *attribute_names(study),
    )  # fmt: skip


def _hits(study: Study) -> list[Column]:
    """Per mask column the slots that this pair counts for: wanted, of this experiment, and within the window."""
    zero = F.lit(0).cast("bigint")
    hits = []
    for column, (wanted, mine) in enumerate(zip(mask_names(study, "w"), mask_names(study, "m"), strict=True)):
        open_slots = [
            F.when(inside, F.lit(masks[column]).cast("bigint")).otherwise(zero)
            for inside, masks in _windows(study)
            if masks[column]
        ]
        inside = reduce(lambda a, b: a.bitwiseOR(b), open_slots) if open_slots else zero
        hits.append(F.coalesce(F.col(wanted).bitwiseAND(F.col(mine)).bitwiseAND(inside), zero))
    return hits


def _windows(study: Study) -> list[tuple[Column, tuple[int, ...]]]:
    """Whether an event is inside each distinct window, with the masks of the window's slots."""
    spans: dict[tuple[object, int, int], list[Slot]] = {}
    for slot in study.slots:
        spans.setdefault((slot.trigger or slot.anchor, slot.start, slot.end), []).append(slot)
    found = []
    for slots in spans.values():
        age = F.col("t") - F.col(anchor_name(study, slots[0]))
        inside = (age >= F.lit(slots[0].start)) & (age < F.lit(slots[0].end))
        found.append((inside, study.masks(slots)))
    return found


def anchor_name(study: Study, slot: Slot) -> str:
    """The column that holds the instant from which a slot's window counts."""
    if slot.trigger is not None:
        return trigger_names(study)[study.triggers.index(slot.trigger)]
    return "b" if slot.anchor == "experiment_start" else "t0"


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
    age, edges = F.col("t") - F.col("t0"), [_edges(study, code) for code in range(len(study.experiments))]
    early = age < per_code(F.col("x"), [start for start, _ in edges], "bigint")
    if split:
        late = age >= per_code(F.col("x"), [end for _, end in edges], "bigint")
        status = status.when(early, int(Status.before_window)).when(late, int(Status.after_window))
    else:
        status = status.when(in_sample(F.col("lo")) & early, int(Status.before_window))
    return status.otherwise(int(Status.outside_windows))


def _edges(study: Study, experiment: int) -> tuple[int, int]:
    """Where the first window of an experiment's metrics begins and the last ends; those of covariates aside."""
    plans = [study.plans[m] for m in study.codes_of(study.experiments[experiment])]
    own = [part.slot for plan in plans for part in plan.parts if part.variable in (NUM, DEN)]
    return min((slot.start for slot in own), default=0), max((slot.end for slot in own), default=0)


def _disagrees(study: Study) -> Column:
    """Only events whose source carries a variant can disagree with their unit's."""
    carriers = [code for code, source in enumerate(study.event_sources) if source.columns.variant is not None]
    if not carriers:
        return F.lit(False)  # noqa: FBT003 - a literal, not a flag
    differs = F.coalesce(F.col("ve") != F.col("vu"), F.lit(True))  # noqa: FBT003
    return F.col("s").isin(carriers) & differs
