"""What Spark says that a stage cost, and that a session which says nothing changes nothing."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from abspark.progress import Cost, Progress, SoFar
from abspark.storage.telemetry import SparkGauge, SparkMeter, meter_of

pytestmark = pytest.mark.spark
ROWS = 20_000


@pytest.fixture
def progress(spark: SparkSession) -> Iterator[Progress]:
    yield Progress(meter=meter_of(spark))
    assert not spark.sparkContext.getJobTags(), "no tag outlives its stage"


def shuffled(spark: SparkSession) -> int:
    """The rows of a job that reads ROWS rows and shuffles them all: each is the only one with its key."""
    return len(spark.range(0, ROWS, 1, 2).groupBy(-F.col("id")).count().collect())


def test_a_stage_costs_what_its_jobs_do(spark: SparkSession, progress: Progress) -> None:
    shuffled(spark)
    with progress.stage("shuffle"):
        shuffled(spark)
    with progress.stage("nothing"):
        pass
    shuffled(spark)
    cost = progress.costs["shuffle"]
    assert (cost.rows_in, cost.rows_shuffled, cost.rows_out) == (ROWS, ROWS, 0)
    assert 0 < cost.cpu_seconds < 2 * progress.seconds["shuffle"] + 0.1, "of two cores"
    assert cost.bytes_shuffled > ROWS
    assert cost.tasks >= 3
    assert (cost.bytes_spilled_memory, cost.bytes_spilled_disk, cost.skew) == (0, 0, None)
    assert progress.costs["nothing"] == Cost(0.0, 0, 0, 0, 0, 0, 0, 0, 0)


def test_rows_written_and_read_again(spark: SparkSession, progress: Progress, tmp_path: Any) -> None:
    with progress.stage("write"):
        spark.range(0, ROWS, 1, 2).write.parquet(str(tmp_path / "rows"))
    with progress.stage("read"):
        spark.read.parquet(str(tmp_path / "rows")).where("id % 2 = 0").collect()
    assert progress.costs["write"].rows_out == ROWS
    assert progress.costs["read"].rows_in == ROWS
    assert progress.costs["read"].bytes_read > 0


def test_work_for_a_broadcast_counts_and_work_of_other_threads_does_not(
    spark: SparkSession, progress: Progress
) -> None:
    with progress.stage("join"):
        stranger = threading.Thread(target=shuffled, args=(spark,))
        stranger.start()
        few = spark.range(0, 100, 1, 1)
        spark.range(0, 1_000, 1, 1).join(F.broadcast(few), "id", how="inner").collect()
        stranger.join()
    assert progress.costs["join"].rows_in == 1_100


def test_a_name_used_twice_adds_up(spark: SparkSession, progress: Progress) -> None:
    for _ in range(2):
        with progress.stage("shuffle"):
            shuffled(spark)
    assert progress.costs["shuffle"].rows_in == 2 * ROWS


def test_how_far_a_stage_is_can_be_asked_while_it_runs(spark: SparkSession) -> None:
    meter = meter_of(spark)
    assert meter is not None
    pause = "java_method('java.lang.Thread', 'sleep', if(id % 1000 = 0, 150L, 0L))"
    seen: list[SoFar | None] = []
    over = threading.Event()

    def look(gauge: SparkGauge) -> None:
        while not over.wait(0.05):
            seen.append(gauge.so_far())

    with meter.gauge() as gauge:
        looks = threading.Thread(target=look, args=(gauge,))
        looks.start()
        spark.range(0, 8_000, 1, 8).select(F.expr(pause)).collect()
        over.set()
        looks.join()
        meter.cost("")  # waits until all is booked
        assert gauge.so_far() == SoFar(8_000, 8, 8)
    assert any(found and 0 < found.rows < 8_000 and 0 < found.ended < found.tasks == 8 for found in seen)


def test_one_long_task_is_a_skew(spark: SparkSession, progress: Progress) -> None:
    pause = "java_method('java.lang.Thread', 'sleep', if(id = 3, 1500L, 50L))"
    with progress.stage("wait"):
        spark.range(0, 5, 1, 5).select(F.expr(pause)).collect()
    skew = progress.costs["wait"].skew
    assert skew is not None
    assert 4 < skew < 31, "1.5 s against 0.05 s and what starting a task takes"


def test_a_stage_that_fails_leaves_no_tag(progress: Progress) -> None:
    with pytest.raises(ZeroDivisionError), progress.stage("fail"):
        1 / 0  # noqa: B018 - raises
    assert progress.costs == {}


class Closed:
    """A session without a way to Java, as over Spark Connect."""

    @property
    def sparkContext(self) -> Any:  # noqa: N802 - pyspark's name
        raise NotImplementedError


class Mute:
    """A Java that answers until its platform stops it."""

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(name)


def test_no_gateway_no_meter() -> None:
    assert meter_of(Closed()) is None  # type: ignore[arg-type]
    progress = Progress()
    with progress.stage("moments"):
        pass
    [row] = progress.cost_rows()
    assert row["stage"] == "moments"
    assert row["seconds"] > 0
    assert {value for name, value in row.items() if name not in ("stage", "seconds")} == {None}


def test_threads_without_tags_of_their_own_have_no_meter(
    spark: SparkSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spark.sparkContext, "_gateway", object())
    assert meter_of(spark) is None


@pytest.mark.parametrize("part", ["_store", "_context"])
def test_a_gateway_that_closes_costs_the_figures_alone(
    spark: SparkSession, progress: Progress, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    meter = progress.meter
    assert isinstance(meter, SparkMeter)
    monkeypatch.setattr(meter, part, Mute())
    with progress.stage("shuffle"):
        assert shuffled(spark) == ROWS
    assert progress.costs == {}
    assert progress.seconds["shuffle"] > 0
