"""Projects over one set of simulated logs that differ in what they ask for."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from tests.perf.measures import abspark

WINDOW: Final = {"start": "0d", "end": "7d"}
BOUGHT: Final = "event = 'purchase'"
START, END, HORIZON = "2025-03-03", "2025-03-17", "2025-03-24"
"""Interval of the experiments, and the end of the last window, of simulated logs of 14 days."""


@dataclass(frozen=True)
class Size:
    """How much is logged: `units` exist, each experiment has a `share` of them, with 5 exposures each."""

    units: int
    experiments: int = 20
    share: float = 0.2

    @property
    def assignments(self) -> int:
        """Pairs of a unit and an experiment, about."""
        return round(self.units * self.experiments * self.share)


FULL: Final = Size(1_000_000)
SMALL: Final = Size(50_000)


def simulated(size: Size, out: Path, *, log_format: str = "parquet") -> Path:
    """Clean logs of a size, 50 events per unit, with their project."""
    abspark(
        "simulate", "--out", str(out), "--units", str(size.units), "--experiments", str(size.experiments),
        "--share", str(size.share), "--exposures-per-unit", "5", "--events-per-unit", "50", "--clean",
        "--format", log_format,
    )  # fmt: skip
    return out


def project(
    logs: Path, name: str, *, metrics: int = 6, segments: int = 0, series: bool = False,
    scheme: dict[str, Any] | None = None, conf: dict[str, str] | None = None, experiments: int | None = None,
    copies_within: str | None = "0d",
) -> Path:  # fmt: skip
    """A configuration over `logs` beside its own; returns its directory.

    `segments` of country, platform and both crossed; `experiments` keeps the first so many. What simulated logs repeat
    they repeat to the last byte, so that copies have one time, unless `copies_within` has it otherwise.
    """
    target = logs / f"conf-{name}"
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(logs / "conf", target)
    asked = _metrics(metrics)
    _write(target / "metrics/metrics.yaml", {"metrics": asked})
    sources = yaml.safe_load((target / "sources/logs.yaml").read_text(encoding="utf-8"))
    sources["exposures"][0]["combinations"] = {"country_and_platform": ["country", "platform"]}
    if copies_within is not None:
        sources["events"][0]["copies_within"] = copies_within
    _write(target / "sources/logs.yaml", sources)
    local = {
        "lake": {"path": f"./lake-{name}", "format": "delta"},
        "spark": {"master": "local[2]", "conf": conf or {}},
    }
    _write(target / "environments/local.yaml", local)
    for number, path in enumerate(sorted((target / "experiments").iterdir())):
        if experiments is not None and number >= experiments:
            path.unlink()
            continue
        given = yaml.safe_load(path.read_text(encoding="utf-8"))
        given["metrics"] = {"primary": ["conversion"], "secondary": [metric["name"] for metric in asked[1:]]}
        given["segments"] = ["country", "platform", "country_and_platform"][:segments]
        given["series"] = {"enabled": series}
        if scheme:
            given["assignment"] = scheme
        _write(path, given)
    return target


def _metrics(count: int) -> list[dict[str, Any]]:
    """Six as the yardstick has them, one a ratio; further ones count purchases above ever higher amounts."""
    base = [
        _metric("conversion", "proportion", where=BOUGHT),
        _metric("purchases", "count", where=BOUGHT),
        _metric("revenue", "mean", where=BOUGHT, value="value"),
        _metric("page_views", "count", where="event = 'page_view'"),
        _metric("sessions", "count", where="event = 'session'"),
        _metric(
            "click_rate", "ratio",
            numerator={"source": "event_log", "where": "event = 'click'"},
            denominator={"source": "event_log", "where": "event = 'page_view'"},
        ),
    ]  # fmt: skip
    further = [
        _metric(f"purchases_{n}", "count", where=f"{BOUGHT} and value > {n}")
        for n in range(count - len(base))
    ]
    return base[:count] + further


def _metric(name: str, kind: str, **parts: Any) -> dict[str, Any]:
    source = {} if kind == "ratio" else {"source": "event_log"}
    return {"name": name, "kind": kind, "window": WINDOW, "direction": "increase", **source, **parts}


def _write(path: Path, content: Any) -> None:
    path.write_text(yaml.safe_dump(content, sort_keys=False, allow_unicode=True), encoding="utf-8")
