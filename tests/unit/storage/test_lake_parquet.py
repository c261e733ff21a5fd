"""What a Parquet lake does to its folders, which takes no Spark."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from abspark.errors import LakeError
from abspark.schemas import DROPS
from abspark.storage.lake_parquet import ParquetLake

NO_SPARK: Any = None


def test_rows_that_cannot_be_removed_are_not_told_as_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(folder: Path, ignore_errors: bool = False) -> None:
        if not ignore_errors:
            raise PermissionError(13, "Permission denied", str(folder))

    lake = ParquetLake(NO_SPARK, str(tmp_path))
    (tmp_path / "drops" / "run_id=r1").mkdir(parents=True)
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", refused)
        with pytest.raises(LakeError, match=r"cannot be written: .*run_id=r1: Permission denied"):
            lake._delete(DROPS, ["r1"])
    lake._delete(DROPS, ["gone", "r1"])
    assert list((tmp_path / "drops").iterdir()) == []
