"""Which format the lake in a folder has, told by how it keeps its switch, and where one of Parquet has a run's rows."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final, Literal
from urllib.parse import quote

from abspark.errors import LakeError
from abspark.schemas import COMMITS

SWITCH: Final = "commits.json"
"""The file in which a Parquet lake says which runs count."""


def run_folder(table: Path, run_id: str) -> Path:
    """The folder of a run in that of a table of a Parquet lake, escaped as Spark escapes what file systems mind."""
    return table / f"run_id={quote(run_id, safe=' !$&(),;@~+-._')}"


def require_format(folder: Path, location: str, wanted: Literal["delta", "parquet"]) -> None:
    """A lake of one format is not taken for an empty one of the other.

    Its experiments would be tested anew, and a prune of the one would remove the other's files. A folder that is both,
    as older versions could make it, is read as Delta.

    Raises:
        LakeError: The folder on this machine has a lake of the other format.
    """
    found = "delta" if os.path.isdir(folder / COMMITS.name / "_delta_log") else None
    if found is None and os.path.isfile(folder / SWITCH):
        found = "parquet"
    if found not in (None, wanted):
        raise LakeError(
            f"the lake {location} has the format {found}, and the environment means {wanted}.",
            allowed=f"lake: {{path: …, format: {found}}}, or another path for a new lake",
        )
