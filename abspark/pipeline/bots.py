"""Units with implausibly many events in one log: found by a pass of their own, only where a source has a limit."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from abspark.config import EventSource
from abspark.config.safe_sql import never_raising
from abspark.local_frame import local_frame
from abspark.pipeline.canonical import canonical
from abspark.pipeline.keys import unit_key
from abspark.pipeline.time import epoch_micros

UnitKey = tuple[int, int]
MOST_BOTS = 100_000
"""More units than this over a limit are no bots but a limit that is too low."""


def busy_units(
    raw: DataFrame, source: EventSource, limit: int, as_of: datetime, pseudonym_key: str | None = None
) -> DataFrame:
    """Keys (hi, lo) of units with more than `limit` events before as_of that pass the source's filter.

    `pseudonym_key` is the secret under which units are known, as in a study.
    """
    rows = canonical(raw, source)
    if source.filter is not None:
        rows = rows.where(F.expr(never_raising(source.filter)))
    events = rows.where((F.col("unit") != F.lit("")) & (F.unix_micros("time") < F.lit(epoch_micros(as_of))))
    keyed = events.select(*unit_key(F.col("unit"), pseudonym_key))
    return keyed.groupBy("hi", "lo").agg(F.count("*").alias("n")).where(F.col("n") > limit).select("hi", "lo")


def with_bots(coded: DataFrame, bots: Sequence[UnitKey], overruled: Sequence[str] = ()) -> DataFrame:
    """Coded rows with the reason `bot` where a bot's row has none, or one of those that `bot` goes before."""
    if not bots:
        return coded
    known = local_frame(coded.sparkSession, bots, "bot_hi bigint, bot_lo bigint")
    same = (F.col("hi") == F.col("bot_hi")) & (F.col("lo") == F.col("bot_lo"))
    joined = coded.join(F.broadcast(known), on=same, how="left")
    open_to_it = F.col("reason").isNull() | F.col("reason").isin(*overruled)
    reason = F.when(F.col("bot_hi").isNotNull() & open_to_it, "bot").otherwise(F.col("reason"))
    return joined.select(reason.alias("reason"), *(name for name in coded.columns if name != "reason"))


def assigned_bots(table: DataFrame, bots: Sequence[UnitKey]) -> DataFrame:
    """Assigned units among `bots` by experiment_id and variant: n."""
    known = local_frame(table.sparkSession, bots, "hi bigint, lo bigint")
    same = (F.col("unit_key_hi") == F.col("hi")) & (F.col("unit_key_lo") == F.col("lo"))
    found = table.join(F.broadcast(known), on=same, how="left_semi")
    return found.groupBy("experiment_id", "variant").agg(F.count("*").alias("n"))
