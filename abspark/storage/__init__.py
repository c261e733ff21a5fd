"""The only code that reads or writes: sessions, sources, lake tables, runs.

The names are loaded when first used, so that a lake can be read on a machine without pyspark.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from abspark.storage.conditions import first_line
    from abspark.storage.csv_values import FileColumn, content_hash, read_column
    from abspark.storage.faults import as_data_error, as_fault_of
    from abspark.storage.folder_keys import require_open_columns
    from abspark.storage.given_session import require_session
    from abspark.storage.interrupts import cancel_tagged, tagged
    from abspark.storage.java_end import ENDED, java_has_ended
    from abspark.storage.lake import Commit, Lake, Pruned
    from abspark.storage.lake_kinds import open_lake
    from abspark.storage.lake_reader import LakeReader, open_reader
    from abspark.storage.parquet_types import require_one_type
    from abspark.storage.places import bytes_at
    from abspark.storage.prune_plan import require_kept_runs
    from abspark.storage.quiet import told_by_us
    from abspark.storage.run_conf import run_settings
    from abspark.storage.session import open_session
    from abspark.storage.source_columns import require_columns
    from abspark.storage.sources import (
        PinnedSource,
        fixed_columns,
        pin,
        pin_again,
        read,
        row_count,
        written_over,
    )
    from abspark.storage.telemetry import meter_of

__all__ = [
    "ENDED",
    "Commit",
    "FileColumn",
    "Lake",
    "LakeReader",
    "PinnedSource",
    "Pruned",
    "as_data_error",
    "as_fault_of",
    "bytes_at",
    "cancel_tagged",
    "content_hash",
    "first_line",
    "fixed_columns",
    "java_has_ended",
    "meter_of",
    "open_lake",
    "open_reader",
    "open_session",
    "pin",
    "pin_again",
    "read",
    "read_column",
    "require_columns",
    "require_kept_runs",
    "require_one_type",
    "require_open_columns",
    "require_session",
    "row_count",
    "run_settings",
    "tagged",
    "told_by_us",
    "written_over",
]

_HOMES: Final = {
    "ENDED": "java_end",
    "Commit": "lake",
    "FileColumn": "csv_values",
    "Lake": "lake",
    "LakeReader": "lake_reader",
    "PinnedSource": "sources",
    "Pruned": "lake",
    "as_data_error": "faults",
    "as_fault_of": "faults",
    "bytes_at": "places",
    "cancel_tagged": "interrupts",
    "content_hash": "csv_values",
    "first_line": "conditions",
    "fixed_columns": "sources",
    "java_has_ended": "java_end",
    "meter_of": "telemetry",
    "open_lake": "lake_kinds",
    "open_reader": "lake_reader",
    "open_session": "session",
    "pin": "sources",
    "pin_again": "sources",
    "read": "sources",
    "read_column": "csv_values",
    "require_columns": "source_columns",
    "require_kept_runs": "prune_plan",
    "require_one_type": "parquet_types",
    "require_open_columns": "folder_keys",
    "require_session": "given_session",
    "row_count": "sources",
    "run_settings": "run_conf",
    "tagged": "interrupts",
    "told_by_us": "quiet",
    "written_over": "sources",
}


def __getattr__(name: str) -> Any:
    """Load a name when it is first used."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
