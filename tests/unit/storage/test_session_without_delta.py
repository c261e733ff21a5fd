"""A Delta lake on this machine's disk, and a session that cannot read it."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import MagicMock

import pytest
from deltalake import write_deltalake
from pyarrow import Table

from abspark.config.environment import Lake as LakeConfig
from abspark.errors import LakeError
from abspark.schemas import RESULTS
from abspark.storage import open_lake


def test_its_tables_are_not_taken_for_empty_ones(tmp_path: Path) -> None:
    """Spark's own words for a table in a folder, and for a format, that it does not know."""
    spark = MagicMock()
    spark.table.side_effect = RuntimeError("[TABLE_OR_VIEW_NOT_FOUND] The table or view cannot be found.")
    spark.read.format.return_value.load.side_effect = RuntimeError(
        "[DATA_SOURCE_NOT_FOUND] Failed to find the data source: delta."
    )
    lake = open_lake(spark, LakeConfig(path=str(tmp_path)))
    lake.__dict__["_folder"] = tmp_path
    write_deltalake(tmp_path / "results", Table.from_pylist([{"run_id": "r1"}]))
    with pytest.raises(LakeError, match=r"is Delta, which this Spark session lacks\.\n.*abspark\[local\]"):
        lake.read_run(RESULTS.name, "r1")
