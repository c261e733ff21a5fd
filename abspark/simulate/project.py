"""A ready project around the simulated logs: sources, metrics, experiments and a local environment."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import yaml

from abspark.simulate.parameters import SALT, SCHEME, WINDOW_DAYS, Simulation

EXPOSURES_PATH: Final = "raw/exposures"
EVENTS_PATH: Final = "raw/events"
PRIMARY: Final = ("conversion",)

_WINDOW: Final = {"start": "0d", "end": f"{WINDOW_DAYS}d"}


def write_project(sim: Simulation, out: Path, *, log_format: str) -> None:
    """Write `out`/conf, whose sources read the logs in `out`/raw."""
    metrics = _metrics()
    files = {
        "sources/logs.yaml": _sources(sim, log_format),
        "metrics/metrics.yaml": {"metrics": metrics},
        "environments/local.yaml": {
            "lake": {"path": "./lake", "format": "delta"},
            "spark": {"master": "local[*]"},
        },
    }
    secondary = [metric["name"] for metric in metrics if metric["name"] not in PRIMARY]
    for number in range(sim.experiments):
        files[f"experiments/exp_{number}.yaml"] = _experiment(sim, number, secondary)
    for name, content in files.items():
        path = out / "conf" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=110)
        path.write_text(text, encoding="utf-8")


def _sources(sim: Simulation, log_format: str) -> dict[str, Any]:
    event_columns = {
        "unit": "user_id", "time": "ts", "event": "event_type", "value": "amount", "event_id": "event_id",
    }  # fmt: skip
    if sim.carry_variant:
        event_columns |= {"experiment": "experiment_id", "variant": "variant"}
    exposures = {
        "name": "exposure_log",
        "format": log_format,
        "path": EXPOSURES_PATH,
        "columns": {
            "experiment": "experiment_id",
            "unit": "user_id",
            "variant": "variant",
            "time": "ts",
            "event_id": "event_id",
        },
        "attributes": ["country", "platform"],
        "properties": {"is_bot": "boolean"},
        "filter": "not is_bot",
    }
    events = {
        "name": "event_log",
        "format": log_format,
        "path": EVENTS_PATH,
        "columns": event_columns,
        "complete_until": _instant(sim.horizon.isoformat()),
    }
    return {"exposures": [exposures], "events": [events]}


def _metrics() -> list[dict[str, Any]]:
    bought, viewed = "event = 'purchase'", "event = 'page_view'"
    return [
        _metric("conversion", "proportion", bought, "Units with a purchase within 7 days."),
        _metric("purchases", "count", bought, "Purchases per unit within 7 days."),
        {
            **_metric("revenue_per_unit", "mean", bought, "Amount spent per unit within 7 days."),
            "value": "value",
        },
        _metric(
            "page_views", "count", viewed, "Page views per unit within 7 days; no experiment changes them."
        ),
    ]


def _metric(name: str, kind: str, where: str, description: str) -> dict[str, Any]:
    return {
        "name": name,
        "kind": kind,
        "source": "event_log",
        "where": where,
        "window": dict(_WINDOW),
        "direction": "increase",
        "description": description,
    }


def _experiment(sim: Simulation, number: int, secondary: list[str]) -> dict[str, Any]:
    nature = f"lifts purchases by up to {sim.effect:.3g}" if number % 2 else "changes nothing"
    return {
        "id": f"exp_{number}",
        "name": f"Simulated experiment {number}, which {nature}",
        "status": "completed",
        "variants": [{"key": name, "weight": 1 / sim.variants} for name in sim.variant_names],
        "control": sim.variant_names[0],
        "start": _instant(sim.starts_at.isoformat()),
        "end": _instant(sim.ends_at.isoformat()),
        "exposures": "exposure_log",
        "multiple_variants": "exclude",
        "assignment": {"scheme": SCHEME, "salt": SALT},
        "metrics": {"primary": list(PRIMARY), "secondary": secondary},
        "segments": ["country", "platform"],
        "analysis": {"method": "fixed", "alpha": 0.05},
    }


def _instant(text: str) -> str:
    return text.replace("+00:00", "Z")
