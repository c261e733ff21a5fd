"""A/B test analysis on Spark: raw event logs to validated assignments, sufficient statistics, results tables.

The names below are the public API. They are loaded when first used, so that importing abspark needs neither Spark nor
Java nor anything heavy.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from abspark.assignment import assign
    from abspark.config import Project, load_project
    from abspark.queries import frame as table
    from abspark.queries import rows, runs
    from abspark.runner import RunOutcome, prune, run
    from abspark.simulate import Simulation
    from abspark.simulate import write as simulate_logs
    from abspark.storage import open_session

__all__ = [
    "Project",
    "RunOutcome",
    "Simulation",
    "assign",
    "load_project",
    "open_session",
    "prune",
    "rows",
    "run",
    "runs",
    "simulate_logs",
    "table",
]

_HOMES: Final = {
    "Project": ("abspark.config", "Project"),
    "RunOutcome": ("abspark.runner", "RunOutcome"),
    "Simulation": ("abspark.simulate", "Simulation"),
    "assign": ("abspark.assignment", "assign"),
    "load_project": ("abspark.config", "load_project"),
    "open_session": ("abspark.storage", "open_session"),
    "prune": ("abspark.runner", "prune"),
    "rows": ("abspark.queries", "rows"),
    "run": ("abspark.runner", "run"),
    "runs": ("abspark.queries", "runs"),
    "simulate_logs": ("abspark.simulate", "write"),
    "table": ("abspark.queries", "frame"),
}


def __getattr__(name: str) -> Any:
    """Load a public name when it is first used."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, attribute = _HOMES[name]
    found = getattr(import_module(module), attribute)
    globals()[name] = found
    return found
