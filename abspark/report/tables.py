"""Which tables of the lake are shown on a terminal, and how."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from abspark.report.drops_table import show_drops
from abspark.report.health_table import show_health
from abspark.report.result_table import show_results
from abspark.report.run_table import show_runs

SHOW: Final[Mapping[str, Callable[..., None]]] = {
    "results": show_results,
    "health": show_health,
    "drops": show_drops,
    "runs": show_runs,
}
