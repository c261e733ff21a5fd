"""Coded rows of the last aggregation back to rows of the lake's tables, names instead of codes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from pyspark.sql import DataFrame, Row
from pyspark.sql import functions as F

from abspark.config import Experiment
from abspark.local_frame import local_frame
from abspark.pipeline.metrics import LEDGER
from abspark.pipeline.segments import LABELS, SegmentValue
from abspark.pipeline.study import Study, longest_window
from abspark.schemas import MOMENTS, UNIT_METRICS

_Slice = tuple[int, int]
_EVERYONE: _Slice = (-1, -1)


def last_day(experiment: Experiment, study: Study) -> date:
    """The last day, in UTC, on which anything could count: before as_of and before the last window closes."""
    end = min(study.as_of, experiment.end + longest_window(study.metrics_of(experiment)))
    return (end.astimezone(UTC) - timedelta(microseconds=1)).date()


def moments_rows(rows: Iterable[Row], study: Study, kept: Sequence[SegmentValue]) -> list[dict[str, Any]]:
    """Rows of `moments` (all columns but run_id) from the rows of `summary`.

    Every variant has a row for each metric and each segment value that any variant has, with n = 0 where it has none.
    """
    found = {(r["x"], r["m"], (r["p"], r["code"]), r["v"]): r for r in rows if r["m"] != LEDGER}
    slices: dict[tuple[int, int], dict[_Slice, None]] = {}
    for x, m, piece, _ in found:
        slices.setdefault((x, m), {})[piece] = None
    values = {(k.x, k.p, k.code): k.value for k in kept}
    return [
        _moments_row(found.get((x, m, piece, v)), study, (x, v, m), _segment(study, x, piece, values))
        for x, experiment in enumerate(study.experiments)
        for m in (study.metrics.index(metric) for metric in study.metrics_of(experiment))
        for piece in sorted({_EVERYONE, *slices.get((x, m), {})})
        for v in range(len(experiment.variants))
    ]


def ledger_rows(rows: Iterable[Row]) -> list[Row]:
    """The rows of `summary` that count events."""
    return [row for row in rows if row["m"] == LEDGER]


def _segment(
    study: Study, x: int, piece: _Slice, values: Mapping[tuple[int, int, int], str]
) -> tuple[str | None, str | None]:
    p, code = piece
    if p < 0:
        return None, None
    name = study.experiments[x].segments[p]
    return name, LABELS[code] if code in LABELS else values[x, p, code]


def _moments_row(
    row: Row | None, study: Study, codes: tuple[int, int, int], segment: tuple[str | None, str | None]
) -> dict[str, Any]:
    x, v, m = codes
    experiment = study.experiments[x]
    blank: dict[str, Any] = {name: None for name in MOMENTS.names if name != "run_id"}
    return blank | {
        "experiment_id": experiment.id,
        "variant": experiment.variants[v].key,
        "metric": study.metrics[m].name,
        "segment_name": segment[0],
        "segment_value": segment[1],
        "day": last_day(experiment, study),
        "n": row["n"] if row else 0,
        "n_complete": row["n_complete"] if row else 0,
        "mean_num": row["mean_num"] if row else None,
        "var_num": row["var_num"] if row else None,
    }


def unit_metrics_table(
    units: DataFrame, unit_metrics: DataFrame, study: Study, cutoff: Mapping[str, int]
) -> DataFrame:
    """Rows of `unit_metrics` (all columns but run_id): every analysed unit and metric, zeros included."""
    spark = units.sparkSession
    rows = [
        (
            x,
            study.metrics.index(metric),
            experiment.id,
            metric.name,
            cutoff[metric.name],
            metric.window_policy == "complete",
        )
        for x, experiment in enumerate(study.experiments)
        for metric in study.metrics_of(experiment)
    ]
    dimension = local_frame(
        spark, rows, "x int, m int, experiment_id string, metric string, cutoff bigint, strict boolean"
    )
    everyone = (
        units.where(~F.col("excluded"))
        .join(F.broadcast(dimension), on="x", how="inner")
        .where(~F.col("strict") | (F.col("t0") <= F.col("cutoff")))
    )
    found = unit_metrics.where(F.col("m") != LEDGER).select("hi", "lo", "x", "m", "num")
    joined = everyone.join(found, on=["hi", "lo", "x", "m"], how="left")
    nothing = F.lit(None).cast("double")
    given = {
        "unit_key_hi": F.col("hi"),
        "unit_key_lo": F.col("lo"),
        "num": F.coalesce("num", F.lit(0.0)),
        "den": nothing,
        "pre_num": nothing,
        "pre_den": nothing,
        "complete": F.col("t0") <= F.col("cutoff"),
    }
    names = [name for name in UNIT_METRICS.names if name != "run_id"]
    return joined.select(*(given.get(name, F.col(name)).alias(name) for name in names))


def instant(microseconds: int) -> datetime:
    """The instant that many microseconds after 1970-01-01T00:00:00Z."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)
