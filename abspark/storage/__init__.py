"""The only code that reads or writes: sessions, sources, lake tables, runs."""

from abspark.storage.faults import as_data_error
from abspark.storage.lake import Commit, Lake, Pruned
from abspark.storage.open_lake import open_lake
from abspark.storage.places import bytes_at
from abspark.storage.session import open_session, utc_session
from abspark.storage.source_columns import require_columns
from abspark.storage.sources import PinnedSource, pin, read, row_count

__all__ = [
    "Commit",
    "Lake",
    "PinnedSource",
    "Pruned",
    "as_data_error",
    "bytes_at",
    "open_lake",
    "open_session",
    "pin",
    "read",
    "require_columns",
    "row_count",
    "utc_session",
]
