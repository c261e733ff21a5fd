"""A lake that the environment takes for one of another format."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import pytest
from deltalake import write_deltalake
from pyarrow import Table

from abspark.config.environment import Lake as LakeConfig
from abspark.errors import LakeError
from abspark.storage import open_lake, open_reader

NO_SPARK: Any = None
Form = Literal["delta", "parquet"]


def make(root: Path, form: Form) -> None:
    if form == "delta":
        write_deltalake(root / "commits", Table.from_pylist([{"experiment_id": "a", "run_id": "r1"}]))
    else:
        (root / "commits.json").write_text("{}")


def config(root: Path, form: Form) -> LakeConfig:
    return LakeConfig(path=str(root), format=form)


@pytest.mark.parametrize(("form", "other"), [("delta", "parquet"), ("parquet", "delta")])
def test_it_is_not_read_as_an_empty_one(tmp_path: Path, form: Form, other: Form) -> None:
    make(tmp_path, form)
    assert open_reader(config(tmp_path, form)) is not None
    with pytest.raises(LakeError, match=rf"has the format {form}, and the environment means {other}\."):
        open_reader(config(tmp_path, other))


def test_no_run_begins_a_delta_lake_in_it(tmp_path: Path) -> None:
    make(tmp_path, "parquet")
    lake = open_lake(NO_SPARK, config(tmp_path, "delta"))
    lake.__dict__["_folder"] = tmp_path
    with pytest.raises(LakeError, match="has the format parquet, and the environment means delta"):
        lake.heads()


def test_no_run_or_prune_takes_deltas_files_for_its_own(tmp_path: Path) -> None:
    make(tmp_path, "delta")
    with pytest.raises(LakeError, match="has the format delta, and the environment means parquet"):
        open_lake(NO_SPARK, config(tmp_path, "parquet"))


def test_a_folder_that_is_both_is_deltas(tmp_path: Path) -> None:
    make(tmp_path, "parquet")
    make(tmp_path, "delta")
    assert open_reader(config(tmp_path, "delta")) is not None
    with pytest.raises(LakeError, match="has the format delta"):
        open_reader(config(tmp_path, "parquet"))
