"""What the user writes: models, loading, cross-file checks, JSON Schema.

The names below are loaded when first used, so that importing the package costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from abspark.config.chosen import chosen_experiments, require_known
    from abspark.config.closing import windows_over
    from abspark.config.environment import Environment
    from abspark.config.experiment import Experiment
    from abspark.config.loader import load_project
    from abspark.config.metric import Metric, Window
    from abspark.config.project import Project
    from abspark.config.source import DimensionSource, EventSource, ExposureSource, Source
    from abspark.config.values import doubt_of_share

__all__ = [
    "DimensionSource",
    "Environment",
    "EventSource",
    "Experiment",
    "ExposureSource",
    "Metric",
    "Project",
    "Source",
    "Window",
    "chosen_experiments",
    "doubt_of_share",
    "load_project",
    "require_known",
    "windows_over",
]

_HOMES: Final = {
    "Environment": "environment",
    "EventSource": "source",
    "Experiment": "experiment",
    "DimensionSource": "source",
    "ExposureSource": "source",
    "Source": "source",
    "Metric": "metric",
    "Project": "project",
    "Window": "metric",
    "chosen_experiments": "chosen",
    "doubt_of_share": "values",
    "load_project": "loader",
    "require_known": "chosen",
    "windows_over": "closing",
}


def __getattr__(name: str) -> Any:
    """Import the module that holds `name` and return it."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
