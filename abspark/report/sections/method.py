"""How was it computed? Metrics, method, data versions, and the tables that every number comes from."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from abspark.config import Experiment, Metric, Window
from abspark.config.values import format_duration
from abspark.report import numbers
from abspark.report.data import BAYESIAN, ReportData, Row
from abspark.report.views import Cell, Column, Heading, Section, TableView, between, filled, numeric
from abspark.report.words import METHODS, MIXTURE

_TABLES: Final = ("results", "health", "drops", "decisions", "moments", "assignments", "looks", "runs")
_METRICS: Final = (
    Heading("Metric"), Heading("Role"), Heading("Kind"), Heading("From"), Heading("Definition"),
    Heading("Window"), Heading("Better"), Heading("Description"),
)  # fmt: skip
_COLUMNS: Final = ("name", "kind", "source", "window", "direction", "description", "owner")
_INPUTS: Final = (
    Heading("Source"), Heading("Location"), Heading("Version"), Heading("Rows read", numeric=True),
    Heading("Rows kept", numeric=True),
)  # fmt: skip
_COSTS: Final = (
    ("seconds", "Seconds", numbers.decimal), ("cpu_seconds", "CPU seconds", numbers.decimal),
    ("rows_in", "Rows in", numbers.count), ("rows_out", "Rows out", numbers.count),
    ("bytes_read", "Read", numbers.size), ("bytes_shuffled", "Shuffled", numbers.size),
    ("bytes_spilled_disk", "Spilled to disk", numbers.size), ("skew", "Skew", numbers.decimal),
)  # fmt: skip
"""Figure of a stage, what people call it, and how it is written."""
_ESTIMATORS: Final[Sequence[Column]] = (
    (Heading("Metric", "metric"), lambda row: Cell(row["metric"])),
    (Heading("Treatment", "treatment"), lambda row: Cell(row["treatment"])),
    (Heading("Estimator", "estimator"), lambda row: Cell(row["estimator"])),
    numeric("Relative effect", "relative_effect", numbers.percent),
    between("Interval", "relative_low", "relative_high", numbers.percent_interval),
)
_OF_METHODS: Final = (
    numeric("p", "p_value", numbers.p_value),
    numeric("Probability to be better", "prob_better", numbers.probability),
    numeric("Variance removed", "variance_reduction", numbers.share),
)


def method(data: ReportData) -> Section:
    """What a sceptic asks for."""
    used = dict.fromkeys(row["method"] for row in data.headlines()) or {data.experiment.analysis.method: None}
    others = [row for row in data.results if not row["headline"] and row["segment_name"] is None]
    newest = max((row["day"] for row in others), default=None)
    inputs = [_input(given) for given in (data.run or {}).get("inputs") or []]
    context = {
        "methods": [_words(name, data.experiment) for name in used],
        "facts": _facts(data),
        "metrics": TableView("metrics-table", "Metric definitions", _METRICS, _metrics(data)),
        "inputs": TableView("inputs-table", "Data versions", _INPUTS, inputs) if inputs else None,
        "estimators": _estimators([row for row in others if row["day"] == newest]),
        "costs": _costs((data.run or {}).get("costs") or []),
        "tables": _tables(data),
        "estimator": "cuped"
        if any(row["estimator"] == "cuped" for row in data.headlines())
        else "unadjusted",
    }
    return Section("method", "How was it computed?", "Method", "method.html", context)


def _words(method: str, experiment: Experiment) -> tuple[str, str]:
    if method == "anytime" and experiment.analysis.anytime.tau is not None:
        return MIXTURE
    return METHODS.get(method, (method, ""))


def _facts(data: ReportData) -> list[tuple[str, str]]:
    run = data.run or {}
    facts: list[tuple[str, Any]] = [
        *_error_rate(data.experiment),
        ("Several variants", data.experiment.multiple_variants),
        ("Assignment", data.experiment.assignment.scheme),
        ("Run", run.get("run_id")),
        ("Data as of", _instant(run.get("as_of"))),
        ("Finished", _instant(run.get("finished_at"))),
        ("Configuration hash", run.get("configuration_hash")),
        ("abspark", run.get("code_version")),
        ("Spark", run.get("spark_version")),
        ("Delta", run.get("delta_version")),
    ]
    return [(name, str(value)) for name, value in facts if value not in (None, "")]


def _error_rate(experiment: Experiment) -> list[tuple[str, str | None]]:
    """What the method has of alpha, sides and correction; for a Bayesian one its interval and prior."""
    settings = experiment.analysis
    if settings.method == BAYESIAN:
        return [
            ("Alpha", f"{settings.alpha:.4g}: credible intervals hold {(1 - settings.alpha) * 100:.4g} %"),
            ("Prior", _prior(experiment)),
        ]
    return [
        ("Alpha", f"{settings.alpha:.4g}, {'two-sided' if settings.sides == 2 else 'one-sided'}"),
        ("Correction", _correction(experiment)),
        ("Interval of proportions", settings.interval if settings.method == "fixed" else None),
        ("Relative interval", settings.relative_interval),
    ]


def _correction(experiment: Experiment) -> str | None:
    """Group sequential tests correct no p: their family splits alpha. None where it is of one test."""
    settings = experiment.analysis
    if settings.method != "group_sequential" or settings.correction == "none":
        return settings.correction
    family = len(experiment.metrics.primary) * len(experiment.treatments)
    return f"alpha split evenly over {family} tests" if family > 1 else None


def _prior(experiment: Experiment) -> str:
    prior = experiment.analysis.bayesian.prior
    proportion, relative = prior.proportion, prior.relative_effect
    told = "flat" if relative.sd is None else f"normal, mean {relative.mean:.4g}, sd {relative.sd:.4g}"
    return (
        f"proportions Beta({proportion.successes:.4g}, {proportion.failures:.4g}); "
        f"relative effects of other metrics {told}"
    )


def _instant(value: Any) -> str | None:
    return None if value is None else f"{value:%Y-%m-%d %H:%M:%S} UTC"


def _metrics(data: ReportData) -> list[list[Cell]]:
    roles = data.experiment.metrics
    role = dict.fromkeys(roles.primary, "primary") | dict.fromkeys(roles.secondary, "secondary")
    return [
        _metric(data.metrics[name], role.get(name, "guardrail"), dated=data.dated)
        for name in roles.names
        if name in data.metrics
    ]


def _metric(metric: Metric, role: str, *, dated: bool) -> list[Cell]:
    window = _span(metric.window) if dated else numbers.UNDEFINED
    texts = (
        metric.name, role, metric.kind, ", ".join(metric.sources), _definition(metric), window,
        "more" if metric.direction == "increase" else "less", metric.description or "",
    )  # fmt: skip
    return [Cell(text) for text in texts]


def _span(window: Window) -> str:
    span = f"{_duration(window.start)} to {'the end' if window.closes is None else _duration(window.closes)}"
    return span if window.anchor == "exposure" else f"{span}, from the start of the experiment"


def _definition(metric: Metric) -> str:
    """What was configured beyond the other columns, as written."""
    given = metric.model_dump(mode="json", exclude_defaults=True, exclude=set(_COLUMNS))
    return "; ".join(f"{name}: {_written(value)}" for name, value in given.items())


def _written(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_written(part)}" for name, part in value.items())
    return " → ".join(map(_written, value)) if isinstance(value, list) else str(value)


def _duration(span: timedelta) -> str:
    """As it is written in the configuration, with spaces: `3 d 12 h`."""
    return " ".join(re.findall(r"-?\d+|[a-z]", format_duration(span))) if span else "0 d"


def _input(given: Row) -> list[Cell]:
    version = given["version"]
    pinned = f"version {version}" if version is not None else (given["list_hash"] or "")[:16]
    return [
        Cell(given["source"]),
        Cell(given["location"]),
        Cell(pinned),
        Cell(numbers.count(given["rows"]), given["rows"]),
        Cell(numbers.count(given["kept"]), given["kept"]),
    ]


def _costs(stages: Sequence[Row]) -> TableView | None:
    """What each stage of the run cost; None where the run is of a time when that was not recorded."""
    headings = [Heading("Stage"), *(Heading(label, name, numeric=True) for name, label, _ in _COSTS)]
    rows = [
        [Cell(stage["stage"]), *(Cell(write(stage[name]), stage[name]) for name, _, write in _COSTS)]
        for stage in stages
    ]
    return TableView("costs-table", "Cost of the run by stage", headings, rows) if rows else None


def _estimators(rows: Sequence[Row]) -> TableView | None:
    """The estimators that are not the configured one; None without any."""
    columns = [*_ESTIMATORS, *filled(_OF_METHODS, rows)]
    cells = [[cell(row) for _, cell in columns] for row in rows]
    headings = [heading for heading, _ in columns]
    return TableView("estimators-table", "Other estimators", headings, cells) if rows else None


def _tables(data: ReportData) -> list[dict[str, str]]:
    """Each table with where it is; a link where that is a folder of this machine."""
    if data.lake is None:
        return []
    folder = Path(data.lake)
    local = folder.is_dir()
    return [
        {
            "name": name,
            "place": str(folder / name) if local else f"{data.lake}.{name}",
            "link": (folder / name).absolute().as_uri() if local else "",
        }
        for name in _TABLES
        if not local or (folder / name).is_dir()
    ]
