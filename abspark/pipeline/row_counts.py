"""Logs counted for the ledger: what a row's own columns decide, and what samples of events tell beside that."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import reduce
from operator import or_
from typing import Final

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from abspark.pipeline.copies import event_key, is_distant
from abspark.pipeline.events import bad_value_wants, mask_names, value_names
from abspark.pipeline.spreading import MANY, SAMPLED_ROWS, sampled_unit
from abspark.pipeline.study import Study
from abspark.pipeline.time import micros

KEPT: Final = "kept"
SEEN: Final = (KEPT, "no_metric", "bad_value", "outside_windows")
"""Reasons of events that show that their log was written at their time."""
SPAN: Final = 900_000_000
"""A quarter of an hour: the midnights of all time zones lie between two of them."""


def exposure_counts(exposures: DataFrame) -> DataFrame:
    """Coded exposures counted by reason (`kept` where valid), x and v, with distinct units where that says something.

    Rows of other experiments are not the run's to look into, and rows without id have no unit.
    """
    reason = F.coalesce("reason", F.lit(KEPT))
    anonymous = reason.isin(KEPT, "null_id", "other_experiment")
    keyed = exposures.select(
        reason.alias("reason"),
        "x",
        "v",
        F.when(~anonymous, F.col("hi")).alias("hi"),
        F.when(~anonymous, F.col("lo")).alias("lo"),
    )
    by_unit = keyed.groupBy("reason", "x", "v", "hi", "lo").agg(F.count("*").alias("rows"))
    return by_unit.groupBy("reason", "x", "v").agg(F.sum("rows").alias("rows"), F.count("hi").alias("units"))


def event_counts(events: DataFrame, study: Study, source: str, *, sampled: bool = False) -> DataFrame:
    """Coded events of one source counted by reason (`kept` where valid) and span of time, with the newest time.

    Columns: reason; span, a quarter of an hour, by number since 1970, NULL where the reason says that the time may be
    any, of which there would be millions; rows; newest (epoch microseconds); bad0.., rows
    with a value that some metric wanted and could not use, one column for each group of `bad_values`, and good0..,
    those of which it could use all values that it wanted. With `sampled`
    there are also rows whose reason is NULL: of valid events of a sample, by `unit`, the first half of its key, as far
    as `abspark.pipeline.spreading` has to know of them. A source that says how far apart copies are has two columns
    more: one row whose reason is NULL has compared, the events that `abspark.pipeline.copies` compares, and distant,
    those that belie it; both are 0 in all other rows.
    """
    flags = [F.get("bad", F.lit(j)) for j in range(len(bad_value_wants(study, source)))]
    groups = bad_values(study, source)
    bad = {f"bad{k}": reduce(or_, (flags[j] for j in wants)) for k, wants in enumerate(groups)}
    good = {f"good{k}": _met(study, source, wants) & ~bad[f"bad{k}"] for k, wants in enumerate(groups)}
    told = bad | good
    span = ((F.col("t") - F.pmod("t", F.lit(SPAN))) / F.lit(SPAN)).cast("bigint")
    reason = F.coalesce("reason", F.lit(KEPT))
    keys = [reason.alias("reason"), F.when(reason.isin(*SEEN), span).alias("span")]
    within = study.event_source(source).copies_within
    if sampled:
        keys.append(F.when(F.col("reason").isNull(), sampled_unit(value_names(study))).alias("unit"))
    if within is not None:
        keys.append(event_key(sampled=sampled).alias("event_key"))
    counted = events.groupBy(*keys).agg(
        F.count("*").alias("rows"),
        F.max("t").alias("newest"),
        F.min("t").alias("oldest"),
        *(F.count_if(flag).alias(name) for name, flag in told.items()),
    )
    sums = [F.sum(name).alias(name) for name in ("rows", *told)]
    if sampled or within is not None:
        counted = _with_samples(counted, sums)
    return counted.drop("oldest") if within is None else _with_copies(counted, sums, within)


def _met(study: Study, source: str, wants: Sequence[int]) -> Column:
    """Whether an event met one of the wants that the flags of `bad` stand for."""
    chosen = {want for j, want in enumerate(bad_value_wants(study, source)) if j in wants}
    masks = study.masks(slot for slot in study.slots if slot.want in chosen)
    named = zip(mask_names(study, "w"), masks, strict=True)
    return reduce(
        or_, (F.col(name).bitwiseAND(F.lit(mask).cast("bigint")) != 0 for name, mask in named if mask)
    )


def _with_samples(counted: DataFrame, sums: Sequence[Column]) -> DataFrame:
    """Counts by reason and span, and beside them sampled rows: of units that have many, and of each event compared."""
    samples = [name for name in ("unit", "event_key") if name in counted.columns]
    sets = counted.groupingSets(
        [["reason", "span"], *([name] for name in samples)], "reason", "span", *samples
    ).agg(*sums, F.max("newest").alias("newest"), F.min("oldest").alias("oldest"))
    told = F.col("reason").isNotNull()
    if "unit" in samples:
        told |= F.col("unit").isNotNull() & (F.col("rows") >= MANY // SAMPLED_ROWS)
    if "event_key" in samples:
        told |= F.col("event_key").isNotNull()
    return sets.where(told)


def _with_copies(counted: DataFrame, sums: Sequence[Column], within: timedelta) -> DataFrame:
    """What is counted, with all events that were compared as one row."""
    others = [name for name in ("reason", "span", "unit") if name in counted.columns]
    return counted.groupBy(*others).agg(
        *sums,
        F.max("newest").alias("newest"),
        F.count("event_key").alias("compared"),
        F.count_if(is_distant(micros(within))).alias("distant"),
    )


def bad_values(study: Study, source: str) -> dict[tuple[int, ...], list[str]]:
    """Metrics by the flags of `bad` that tell that they could not use a row; a row counts once for each metric."""
    wants = {want: j for j, want in enumerate(bad_value_wants(study, source))}
    groups: dict[tuple[int, ...], list[str]] = {}
    for metric, plan in zip(study.metrics, study.plans, strict=True):
        flags = sorted({wants[slot.want] for slot in plan.slots if slot.want in wants})
        if flags:
            groups.setdefault(tuple(flags), []).append(metric.name)
    return groups
