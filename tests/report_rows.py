"""Rows as the tables hold them, made by hand: what no short run produces is in here too."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from abspark.config import Experiment, Metric
from abspark.report.data import ReportData
from abspark.schemas import TABLES

MADE_AT = datetime(2026, 3, 20, 12, tzinfo=UTC)
BEGUN_AT = MADE_AT - timedelta(seconds=61.5)
"""Less than the seconds of the run's stages, as stages overlap."""
DAY = date(2026, 3, 15)
RUN = "20260316T000000-00000001"


def row(table: str, **given: Any) -> dict[str, Any]:
    """A row of a table: NULL in every column that is not given."""
    unknown = given.keys() - set(TABLES[table].names)
    assert not unknown, unknown
    return dict.fromkeys(TABLES[table].names) | {"run_id": RUN, "experiment_id": "exp"} | given


def result(metric: str = "conversion", treatment: str = "treatment", **given: Any) -> dict[str, Any]:
    """A comparison with a control mean of 0.0812345 and an effect of +0.0123456, significant."""
    usual = {
        "metric": metric, "treatment": treatment, "day": DAY, "method": "fixed", "estimator": "unadjusted",
        "headline": True, "role": "primary", "control": "control", "n_control": 10_123, "n_treatment": 9_876,
        "mean_control": 0.0812345, "mean_treatment": 0.0935801, "effect": 0.0123456, "effect_low": 0.0045678,
        "effect_high": 0.0201234, "relative_effect": 0.151974, "relative_low": 0.0507654, "relative_high": 0.253183,
        "std_error": 0.0039683, "statistic": 3.111055, "dof": None, "p_value": 0.00186437,
        "p_adjusted": 0.00186437, "alpha": 0.05, "significant": True, "share_complete": 1.0,
    }  # fmt: skip
    return row("results", **usual | given)


def undefined(metric: str, reason: str = "n_below_2", **given: Any) -> dict[str, Any]:
    """A comparison of which nothing can be said."""
    numbers = (
        "mean_treatment", "effect", "effect_low", "effect_high", "relative_effect", "relative_low",
        "relative_high", "std_error", "statistic", "p_value", "p_adjusted", "significant",
    )  # fmt: skip
    return result(metric, **dict.fromkeys(numbers) | {"reason": reason} | given)


def check(name: str, status: str = "pass", **given: Any) -> dict[str, Any]:
    usual = {"p_value": 0.4321, "threshold": 0.001, "observed": "5 and 5", "expected": "5 and 5"}
    return row("health", check=name, status=status, **usual | {"message": f"{name} says {status}."} | given)


def drop(stage: str, reason: str, rows: int, **given: Any) -> dict[str, Any]:
    return row("drops", **{"stage": stage, "source": "log", "reason": reason, "rows": rows} | given)


def experiment(
    metrics: Sequence[str] = ("conversion",),
    *,
    variants: Sequence[str] = ("control", "treatment"),
    guardrails: Sequence[dict[str, Any]] = (),
    **given: Any,
) -> Experiment:
    usual = {
        "id": "exp", "name": "A clearer button", "hypothesis": "It is found sooner.", "owner": "growth",
        "variants": [{"key": key, "weight": 1 / len(variants)} for key in variants], "control": variants[0],
        "start": "2026-03-01T00:00:00Z", "end": "2026-03-15T00:00:00Z", "exposures": "log",
        "metrics": {"primary": list(metrics), "guardrails": list(guardrails)},
    }  # fmt: skip
    return Experiment.model_validate(usual | given)


def metric(name: str, **given: Any) -> Metric:
    usual = {"name": name, "kind": "proportion", "source": "events", "window": {"end": "7d"}}
    return Metric.model_validate(usual | given)


def report_data(
    results: Sequence[dict[str, Any]] = (), *, of: Experiment | None = None, **given: Any
) -> ReportData:
    """A committed run with two checks, a ledger and exposures; fields that are given replace them."""
    chosen = of or experiment(tuple(dict.fromkeys(r["metric"] for r in results)) or ("conversion",))
    variants = [variant.key for variant in chosen.variants]
    days = [DAY - timedelta(days=back) for back in range(5)]
    usual: dict[str, Any] = {
        "results": results,
        "health": [check("srm"), check("hash", "warn", advice="Compare the salt.")],
        "drops": [
            drop("exposures", "repeated_exposure", 500, variant="control", units=90),
            drop("exposures", "null_id", 7, experiment_id="*"),
            drop("units", "multiple_variants", 3, variant="control", units=3),
            drop("events", "no_metric", 11, experiment_id="*", source="events", units=4),
            drop("pairs", "outside_windows", 5, source="events", variant="control", units=2),
        ],
        "exposures": [
            {"variant": name, "day": day, "units": 100 + place} for day in days for place, name in enumerate(variants)
        ],
        "decision": row("decisions", decision="ship", reasons=["Ship treatment.", "conversion is better."]),
        "run": run_record(),
        "commit": {"experiment_id": "exp", "run_id": RUN},
        "lake": "main.experiments",
        "metrics": {name: metric(name) for name in chosen.metrics.names},
    }  # fmt: skip
    return ReportData(experiment=chosen, made_at=MADE_AT, **usual | given)


def run_record() -> dict[str, Any]:
    inputs = [
        {"source": "log", "location": "/raw/log", "version": 3, "list_hash": None, "rows": 2_600, "kept": 2_015},
        {"source": "events", "location": "/raw/events", "version": None, "list_hash": "ab", "rows": 90, "kept": 79},
    ]  # fmt: skip
    costs = [
        {
            "stage": "moments", "seconds": 61.2, "cpu_seconds": 98.5, "tasks": 64, "rows_in": 2_690, "rows_out": 0,
            "rows_shuffled": 70, "bytes_read": 1_234_567_890, "bytes_shuffled": 98_765_432,
            "bytes_spilled_memory": 4_000_000, "bytes_spilled_disk": 2_000_000, "skew": 3.25,
        },
        dict.fromkeys(
            ("cpu_seconds", "tasks", "rows_in", "rows_out", "rows_shuffled", "bytes_read", "bytes_shuffled",
             "bytes_spilled_memory", "bytes_spilled_disk", "skew")
        ) | {"stage": "results", "seconds": 1.5},
    ]  # fmt: skip
    names = dict.fromkeys(TABLES["runs"].names)
    return names | {
        "run_id": RUN, "as_of": MADE_AT, "finished_at": MADE_AT, "started_at": BEGUN_AT, "status": "committed",
        "configuration_hash": "c0ffee" * 10, "code_version": "0.1.0", "spark_version": "4.2.0", "inputs": inputs,
        "experiments": {"exp": "committed"}, "seconds": {"moments": 61.2, "results": 1.5}, "costs": costs,
    }  # fmt: skip


def series(
    metric: str = "conversion", days: int = 14, *, method: str = "fixed", treatment: str = "treatment"
) -> list[dict[str, Any]]:
    """Cumulative results that settle, with boundaries where the method has them."""
    rows = []
    for place in range(days):
        width = 0.4 / (place + 1) ** 0.5
        value = 0.15 + 0.05 * (-1) ** place / (place + 1)
        bounded = {
            "boundary": 2.0 * (days / (place + 1)) ** 0.5, "alpha_spent": 0.05 * ((place + 1) / days) ** 3,
            "information_fraction": (place + 1) / days, "futility_boundary": -1 + 3 * (place + 1) / days,
        }  # fmt: skip
        rows.append(
            result(
                metric, treatment, method=method, day=DAY - timedelta(days=days - 1 - place),
                relative_effect=value, relative_low=value - width, relative_high=value + width,
                effect=value * 0.08, statistic=value / width * 2,
                **(bounded if method == "group_sequential" else {}),
            )
        )  # fmt: skip
    return rows


def exposure_series(metric: str = "conversion", days: int = 7) -> list[dict[str, Any]]:
    """Results by days since exposure, of an effect that fades."""
    return [
        result(
            metric, day=None, exposure_day=day, relative_effect=0.3 / (day + 1), relative_low=0.3 / (day + 1) - 0.1,
            relative_high=0.3 / (day + 1) + 0.1, significant=None, p_adjusted=None, reason="descriptive",
        )
        for day in range(days)
    ]  # fmt: skip


def segment_rows(metric: str, values: int, **given: Any) -> list[dict[str, Any]]:
    return [
        result(
            metric, segment_name="country", segment_value=f"value {place:04d}", n_control=200 + place,
            n_treatment=210 + place, relative_effect=0.1 + 0.001 * (place % 7), effect=0.008 + 1e-5 * place,
            p_adjusted=None, **given,
        )
        for place in range(values)
    ]  # fmt: skip


def quantile_rows(metric: str = "load_ms") -> list[dict[str, Any]]:
    return [
        {
            "run_id": RUN, "experiment_id": "exp", "variant": variant, "metric": metric, "segment_name": None,
            "segment_value": None, "day": DAY, "q": q, "value": 100 * q + shift, "rank_low": 1, "rank_high": 3,
            "value_low": 100 * q + shift - 5, "value_high": 100 * q + shift + 4, "n": 500, "n_clusters": 500,
        }
        for variant, shift in (("control", 0.0), ("treatment", 3.5))
        for q in (0.5, 0.9, 0.99)
    ]  # fmt: skip


def everything() -> ReportData:
    """A report with all that one can have: two treatments, a guardrail, looks, segments, quantiles, a failing check."""
    chosen = experiment(
        ("conversion", "revenue"),
        variants=("control", "blue", "green"),
        guardrails=[{"metric": "load_ms", "margin": {"relative": 0.02}}],
    )
    rows = [
        made
        for name in ("conversion", "revenue", "load_ms")
        for treatment in ("blue", "green")
        for made in (
            *series(name, 9, method="group_sequential", treatment=treatment),
            *segment_rows(name, 6, treatment=treatment, method="group_sequential"),
            result(name, treatment, headline=False, estimator="cuped", variance_reduction=0.31),
        )
    ]
    return report_data(
        rows,
        of=chosen,
        quantiles=quantile_rows(),
        health=[check("srm", "fail", p_value=1.5e-9), check("hash", slice_name="country", slice_value="DE")],
        decision=row("decisions", decision="do_not_trust", reasons=["The check srm failed: srm says fail."]),
    )


def large() -> ReportData:
    """200 metrics, each with 30 days and 50 segments."""
    names = [f"metric_{place:03d}" for place in range(200)]
    rows = [made for name in names for made in (*series(name, 30), *segment_rows(name, 50))]
    return report_data(rows, of=experiment(names))
