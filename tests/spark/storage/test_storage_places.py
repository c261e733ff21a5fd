"""A path means what Spark takes it for, which need not be this machine's disk."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import pytest
from pyspark.sql import SparkSession
from storage_samples import drops, record, write_drops

from abspark.config.environment import Lake as LakeConfig
from abspark.errors import LakeError
from abspark.storage import Commit, open_lake, places
from abspark.storage.lake_delta import DeltaLake
from abspark.storage.places import folder_here, shortened

pytestmark = pytest.mark.spark


@pytest.fixture
def elsewhere(spark: SparkSession, tmp_path: Path) -> SparkSession:
    """A session with a default file system of its own, as on a cluster: what is in it is below a folder."""
    top = tmp_path.parts[1]
    root = tmp_path / "elsewhere" / top
    root.mkdir(parents=True)
    session = spark.newSession()
    # Java keeps a file system by its name
    cluster = uuid4().hex
    session.conf.set("fs.defaultFS", f"viewfs://{cluster}/")
    session.conf.set(f"fs.viewfs.mounttable.{cluster}.link./{top}", root.as_uri())
    return session


def test_a_folder_is_here_where_spark_finds_it(spark: SparkSession, elsewhere: SparkSession) -> None:
    assert folder_here(spark, "/data/lake") == Path("/data/lake")
    assert folder_here(elsewhere, "/data/lake") is None
    for session in (spark, elsewhere):
        assert folder_here(session, "file:///data/lake") == Path("/data/lake")
        assert folder_here(session, "s3://bucket/lake") is None


def test_all_tables_of_a_lake_are_on_the_file_system_of_spark(
    elsewhere: SparkSession, tmp_path: Path
) -> None:
    """Also where this machine's disk has a lake of that name, with a commit of its own."""
    location = tmp_path / "lake"
    here = open_lake(elsewhere, LakeConfig(path=location.as_uri()))
    here.commit("r0", {"a": None})
    lake = open_lake(elsewhere, LakeConfig(path=str(location)))
    lake.require_folder()
    assert lake.heads() == {}
    lake.ensure_writable()
    record(lake, "r1", 9, "running", a="running")
    write_drops(lake, "r1", "a")
    assert lake.commit("r1", {"a": None}) == Commit(("a",))
    assert drops(lake) == [("r1", "a", 1)]
    there = tmp_path / "elsewhere" / location.relative_to("/")
    assert {place.name for place in there.iterdir()} == {"assignments", "commits", "drops", "runs"}
    assert here.heads() == {"a": "r0"}
    assert [place.name for place in location.iterdir() if place.is_dir()] == ["commits"]


def test_where_the_default_is_this_disk_no_file_is_looked_for(
    spark: SparkSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As Spark's first look at any file takes a second."""
    monkeypatch.setattr(places, "NamedTemporaryFile", None)
    assert folder_here(spark, "/data/lake") == folder_here(spark, "file:/data/lake") == Path("/data/lake")


def test_a_folder_that_spark_will_not_write_is_no_matter_there(
    elsewhere: SparkSession, tmp_path: Path
) -> None:
    (tmp_path / "notes").write_text("x")
    open_lake(elsewhere, LakeConfig(path=str(tmp_path / "notes" / "lake"))).require_folder()


def test_tables_that_spark_does_not_find_are_told(spark: SparkSession, tmp_path: Path) -> None:
    lake = open_lake(spark, LakeConfig(path=str(tmp_path / "lake")))
    assert isinstance(lake, DeltaLake)
    lake._folder = tmp_path / "another"
    said = r"^the lake \S+/lake cannot be used: Spark does not find its table"
    with pytest.raises(LakeError, match=said):
        lake.ensure_writable()
    with pytest.raises(LakeError, match=f"{said} runs"):
        lake.runs()


def test_of_many_names_eight_are_shown_and_the_rest_counted() -> None:
    letters = list("kjihgfedcba")
    assert shortened(letters) == "a, b, c, d, e, f, g, h and 3 more"
    assert shortened(letters[-9:]) == "a, b, c, d, e, f, g, h and 1 more"
    assert shortened(letters[-8:]) == "a, b, c, d, e, f, g, h"
    assert shortened([]) == "nothing"
