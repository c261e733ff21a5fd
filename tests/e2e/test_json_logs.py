"""Logs of JSON, whose columns are known only once all rows have been read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from committed_tables import assert_same, committed
from project_builder import (
    AS_OF_INSTANT,
    EXPOSURE_COLUMNS,
    Undisturbed,
    exposure_rows,
    make_project,
    visit_rows,
)
from pyspark.sql import DataFrame, SparkSession

from abspark import runner
from abspark.stages import inputs
from abspark.storage import PinnedSource, sources

pytestmark = [pytest.mark.spark, pytest.mark.e2e]


def test_a_run_reads_json_once_for_its_columns(
    spark: SparkSession, tmp_path: Path, undisturbed: Undisturbed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And finds what it finds in CSV."""
    tiny = make_project(tmp_path)
    tiny.edit(
        "sources/logs.yaml", "format: csv\n    path: data/exposures", "format: json\n    path: data/exposures"
    )
    tiny.edit(
        "sources/logs.yaml", "format: csv\n    path: data/visits", "format: json\n    path: data/visits"
    )
    for folder, columns, rows in (
        ("exposures", EXPOSURE_COLUMNS, exposure_rows()),
        ("visits", ("user", "ts"), visit_rows()),
    ):
        (tmp_path / "data" / folder / "part.csv").unlink()
        lines = [json.dumps(dict(zip(columns, row, strict=True))) for row in rows]
        (tmp_path / "data" / folder / "part.json").write_text("\n".join(lines))

    inferred: list[str] = []

    def watched(spark: SparkSession, source: Any, pinned: PinnedSource) -> DataFrame:
        if source.format == "json" and pinned.schema is None:
            inferred.append(source.name)
        return read(spark, source, pinned)

    read = sources.read
    for module in (sources, inputs):
        monkeypatch.setattr(module, "read", watched)
    runner.run(spark, tiny.load(), as_of=AS_OF_INSTANT)
    assert sorted(inferred) == ["exposures", "visits"]
    assert_same(committed(spark, tiny.load()), undisturbed.tables)
