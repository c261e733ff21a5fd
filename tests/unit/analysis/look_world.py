"""Day series of moments for sequential experiments: 100 units per arm enter each day, from 2026-01-01."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from abspark.analysis.results import Found, analysed
from abspark.config import Experiment, Metric
from abspark.schemas import MOMENTS

START = date(2026, 1, 1)
DAYS = 10
PER_DAY = 100
PLANNED = 2 * PER_DAY * DAYS


def metric(name: str, **given: Any) -> Metric:
    return Metric.model_validate(
        {
            "name": name,
            "kind": "mean",
            "value": "v",
            "source": "s",
            "window": {"end": "0s", "start": "-1s"},
            **given,
        }
    )


METRICS = {name: metric(name) for name in ("sales", "visits", "speed")} | {
    "delay": metric("delay", direction="decrease")
}
PLAN = {"method": "group_sequential", "group_sequential": {"planned_units": PLANNED, "spending": "pocock"}}


def experiment(**given: Any) -> Experiment:
    return Experiment.model_validate(
        {
            "id": "e",
            "variants": [{"key": "a", "weight": 0.5}, {"key": "b", "weight": 0.5}],
            "control": "a",
            "start": "2026-01-01T00:00:00Z",
            "end": "2026-01-11T00:00:00Z",
            "exposures": "x",
            "metrics": {"primary": ["sales"]},
            "analysis": PLAN,
            **given,
        }
    )


def day(number: int) -> date:
    """The day of that number, counted from 1."""
    return START + timedelta(days=number - 1)


def after(number: int) -> datetime:
    """The end of the day of that number."""
    return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=number)


def series(effects: Mapping[str, Sequence[float]], **given: Any) -> list[dict[str, Any]]:
    """Moments per day: control's mean is 3, the treatment's 3 + effect, the variance 1; effects from day 1 on."""
    blank = {name: None for name in MOMENTS.names if name != "run_id"}
    return [
        blank
        | {"experiment_id": "e", "metric": name, "variant": variant, "day": day(number), "var_num": 1.0}
        | {"n": PER_DAY * number, "n_complete": PER_DAY * number, "mean_num": 3.0 + added, **given}
        for name, by_day in effects.items()
        for number, effect in enumerate(by_day, 1)
        for variant, added in (("a", 0.0), ("b", effect))
    ]


def z_effects(*z: float) -> list[float]:
    """Effects whose statistics on days 1, 2, ... are these."""
    return [value * (2 / (PER_DAY * number)) ** 0.5 for number, value in enumerate(z, 1)]


def found(
    effects: Mapping[str, Sequence[float]],
    *,
    until: int,
    chosen: Experiment | None = None,
    looks: Sequence[Mapping[str, Any]] = (),
    metrics: Mapping[str, Metric] = METRICS,
) -> Found:
    """What a run at the end of day `until` finds, that had seen these effects by then."""
    moments = series({name: by_day[:until] for name, by_day in effects.items()})
    return analysed(moments, [chosen or experiment()], metrics, as_of=after(until), looks=looks)


def column(rows: Sequence[Mapping[str, Any]], name: str, **where: Any) -> list[Any]:
    return [row[name] for row in rows if all(row[key] == value for key, value in where.items())]
