"""Coded rows of the last aggregation back to rows of the lake's tables, names instead of codes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from abspark.local_frame import local_frame
from abspark.pipeline.assembly import daily_moments, whole_moments
from abspark.pipeline.attribute_values import attribute_names, with_attribute
from abspark.pipeline.calendar import NEVER
from abspark.pipeline.caps import Code, default_num
from abspark.pipeline.courses import DAY_SLICE, in_series
from abspark.pipeline.exposure_days import AGE_SLICE, exposure_days
from abspark.pipeline.plans import NUM, PRE_NUM
from abspark.pipeline.segments import LABELS
from abspark.pipeline.station import Analysis
from abspark.pipeline.study import Study
from abspark.pipeline.unit_metrics import LEDGER, anchor_of, used_variables
from abspark.schemas import MOMENTS, UNIT_METRICS, VARIABLES

_Slice = tuple[int, int]
_EVERYONE: _Slice = (-1, -1)
_NO_UNITS: Mapping[str, Any] = defaultdict(lambda: None)


def moments_rows(
    rows: Iterable[Mapping[str, Any]], analysis: Analysis, *, started_at: datetime | None = None
) -> list[dict[str, Any]]:
    """Rows of `moments` (all columns but run_id) from the rows of an analysis' `summary`.

    `started_at` is when the run began, beyond which no log is complete (default: at as_of).
    Every variant has a row for each metric and each segment value that any variant has, with n = 0 where it has none.
    Everyone has a row for each day of a metric that has a series, else for the last day; segments for the last day.
    Where there is a series by days since exposure, everyone has a row for each of those, too.
    """
    study = analysis.study
    found = {(r["x"], r["m"], (r["p"], r["code"]), r["v"]): r for r in rows if r["m"] != LEDGER}
    slices: dict[Code, dict[_Slice, None]] = {}
    for x, m, piece, _ in found:
        slices.setdefault((x, m), {})[piece] = None
    values = {(k.x, k.p, k.code): k.value for k in analysis.kept}
    seen = study.as_of if started_at is None else min(study.as_of, started_at)
    made = []
    for x, experiment in enumerate(study.experiments):
        for m in study.codes_of(experiment):
            pieces = sorted({_EVERYONE, *(piece for piece in slices.get((x, m), {}) if piece[0] >= 0)})
            variants = range(len(experiment.variants))
            until = {"complete_until": analysis.complete_until(m, seen)}
            made += [row for v in variants for row in _days_before(found, analysis, (x, m), v)]
            made += [row for v in variants for row in _since_exposure(found, analysis, (x, m), v)]
            for piece in pieces:
                segment = _segment(study, x, piece, values)
                made += [
                    _last_row(found.get((x, m, piece, v)), analysis, (x, m), v, segment) | until
                    for v in variants
                ]
    return made


def _days_before(
    found: Mapping[tuple[int, int, _Slice, int], Mapping[str, Any]], analysis: Analysis, code: Code, v: int
) -> list[dict[str, Any]]:
    """The rows of everyone on every day but the last, which `_last_row` makes with more precision."""
    study, (x, m) = analysis.study, code
    if not in_series(study, x, m):
        return []
    calendar, ends = analysis.calendars[x], analysis.cutoffs.daily[code]
    days = range(len(ends))
    rows = {day: row for day in days if (row := found.get((x, m, (DAY_SLICE, day), v))) is not None}
    strict = study.complete_only(study.experiments[x], m)
    moments = daily_moments(rows, ends, study, code, analysis.bounds, strict=strict)
    return [
        _row(study, code, v, (None, None), calendar.day(day)) | values
        for day, values in enumerate(moments[:-1])
    ]


def _since_exposure(
    found: Mapping[tuple[int, int, _Slice, int], Mapping[str, Any]], analysis: Analysis, code: Code, v: int
) -> list[dict[str, Any]]:
    """The rows of everyone by days since exposure."""
    study, (x, m) = analysis.study, code
    days = exposure_days(study, x, m)
    rows = {
        day: row for day in range(days.stop) if (row := found.get((x, m, (AGE_SLICE, day), v))) is not None
    }
    strict = study.complete_only(study.experiments[x], m)
    moments = daily_moments(rows, analysis.cutoffs.ages[code], study, code, analysis.bounds, strict=strict)
    return [_row(study, code, v, (None, None), None) | moments[day] | {"exposure_day": day} for day in days]


def _last_row(
    row: Mapping[str, Any] | None,
    analysis: Analysis,
    code: Code,
    v: int,
    segment: tuple[str | None, str | None],
) -> dict[str, Any]:
    study, (x, m) = analysis.study, code
    calendar = analysis.calendars[x]
    blank = _row(study, code, v, segment, calendar.day(len(calendar.ends) - 1))
    strict = study.complete_only(study.experiments[x], m)
    return blank | whole_moments(row or _NO_UNITS, study, code, analysis.bounds, strict=strict)


def _row(
    study: Study, code: Code, v: int, segment: tuple[str | None, str | None], day: date | None
) -> dict[str, Any]:
    blank: dict[str, Any] = {name: None for name in MOMENTS.names if name != "run_id"}
    return blank | _key(study, code, v, segment, day)


def _key(
    study: Study, code: Code, v: int, segment: tuple[str | None, str | None], day: date | None
) -> dict[str, Any]:
    x, m = code
    experiment = study.experiments[x]
    return {
        "experiment_id": experiment.id,
        "variant": experiment.variants[v].key,
        "metric": study.metrics[m].name,
        "segment_name": segment[0],
        "segment_value": segment[1],
        "day": day,
    }


def group_names(analysis: Analysis, group: tuple[int, int, int, int, int]) -> dict[str, Any]:
    """The key of `moments` for the codes of experiment, variant, segment, its value and metric, on the last day."""
    x, v, p, code, m = group
    study, calendar = analysis.study, analysis.calendars[x]
    values = {(k.x, k.p, k.code): k.value for k in analysis.kept}
    segment = _segment(study, x, (p, code), values)
    return _key(study, (x, m), v, segment, calendar.day(len(calendar.ends) - 1))


def ledger_rows(rows: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
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


def unit_metrics_table(analysis: Analysis) -> DataFrame:
    """Rows of `unit_metrics` (all columns but run_id): every analysed unit and metric, zeros included."""
    study = analysis.study
    rows = [
        (
            x,
            m,
            experiment.id,
            study.metrics[m].name,
            analysis.cutoffs.final[x, m],
            study.complete_only(experiment, m),
            study.plans[m].present_only,
            default_num(study, (x, m), analysis.bounds),
            *(variable in study.plans[m].variables for variable in range(len(VARIABLES))),
        )
        for x, experiment in enumerate(study.experiments)
        for m in study.codes_of(experiment)
    ]
    has = ", ".join(f"has_{variable} boolean" for variable in range(len(VARIABLES)))
    dimension = local_frame(
        analysis.units.sparkSession,
        rows,
        f"x int, m int, experiment_id string, metric string, cutoff bigint, strict boolean, present boolean, "
        f"base double, {has}",
    )
    kept = ["hi", "lo", "x", "t0", *attribute_names(study)]
    everyone = analysis.placed_units.where(~F.col("excluded")).select(*kept)
    each = everyone.join(F.broadcast(dimension), on="x", how="inner")
    mine = analysis.bounded_metrics.where((F.col("m") != LEDGER) & (F.col("leaves") == NEVER))
    anchor = anchor_of(study).alias("anchor")
    used = [VARIABLES[variable] for variable in used_variables(study)]
    found = mine.select("hi", "lo", "x", "m", anchor, F.lit(True).alias("seen"), *used)  # noqa: FBT003
    joined = each.join(found, on=["hi", "lo", "x", "m"], how="left")
    complete = F.coalesce("anchor", "t0") <= F.col("cutoff")
    counted = joined.where((~F.col("strict") | complete) & (~F.col("present") | F.col("seen")))
    given = {"unit_key_hi": F.col("hi"), "unit_key_lo": F.col("lo"), "complete": complete}
    for variable, name in enumerate(VARIABLES):
        found_value = F.col(name) if name in used else F.lit(0.0)
        own = with_attribute(found_value, study) if variable == PRE_NUM else found_value
        value = F.coalesce(own, F.lit(0.0))
        base = F.col("base") if variable == NUM else F.lit(0.0)
        given[name] = F.when(F.col(f"has_{variable}"), value + base)
    names = [name for name in UNIT_METRICS.names if name != "run_id"]
    return counted.select(*(given.get(name, F.col(name)).alias(name) for name in names))
