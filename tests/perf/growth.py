"""What more of something costs: rows, metrics, experiments, segments, days; planning left out."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from tests.perf.measures import Measure, measure, one_run
from tests.perf.projects import Size, project, simulated

WORKING: Final = ("count exposure_log", "assignments", "count event_log", "moments")
"""The stages that grow with data; what they need to plan is told apart by the smallest of runs."""


def growth(folder: Path, size: Size) -> list[Measure]:
    """Seconds of runs that ask for more, over those of the run that asks for less."""
    logs = simulated(size, folder / "growth")
    small = simulated(Size(size.units // 10, size.experiments), folder / "tenth")
    many = simulated(Size(size.units, 4 * size.experiments, size.share / 4), folder / "experiments")
    plain = one_run(project(logs, "plain"))
    return [
        _ratio("rows x 10", plain, one_run(project(small, "plain")), limit=11.0),
        _ratio("metrics 6 -> 60", one_run(project(logs, "metrics", metrics=60)), plain, limit=2.0),
        _ratio(
            "experiments 20 -> 80, as many assignments and events",
            one_run(project(many, "plain")),
            plain,
            limit=1.5,
        ),
        _ratio("segments 0 -> 3", one_run(project(logs, "segments", segments=3)), plain, limit=1.3),
        _ratio("day series", one_run(project(logs, "series", series=True)), plain, limit=1.3),
    ]


def _ratio(name: str, more: dict[str, Any], less: dict[str, Any], *, limit: float) -> Measure:
    """Seconds of the stages that read logs. Planning is in them, so small sizes overstate what more of it costs."""
    ours, theirs = (sum(cost["stages"][stage] for stage in WORKING) for cost in (more, less))
    return measure(f"growth: {name}", ours, theirs, unit="s", limit=limit)
