from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import TypeVar

import pytest
from storage_samples import drops, write_drops

from abspark.storage import Commit
from abspark.storage.lake import Lake

pytestmark = pytest.mark.spark
Answer = TypeVar("Answer")


def at_once(actions: Sequence[Callable[[], Answer]]) -> list[Answer]:
    """The answers of actions started together, each in a thread of its own."""
    gate = threading.Barrier(len(actions))
    answers: dict[int, Answer] = {}
    errors: list[BaseException] = []

    def work(position: int) -> None:
        gate.wait()
        try:
            answers[position] = actions[position]()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(position,)) for position in range(len(actions))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return [answers[position] for position in range(len(actions))]


def test_of_two_first_runs_of_an_experiment_one_wins(catalog_lake: Lake) -> None:
    """A catalog's lake takes no lock, so the threads meet in Delta's own transactions, table creation included."""
    catalog_lake.spark.sql(f"CREATE SCHEMA {catalog_lake.location.split('.')[1]}").collect()
    first, second = at_once(
        [
            lambda: catalog_lake.commit("r1", {"a": None, "b": None}),
            lambda: catalog_lake.commit("r2", {"a": None, "c": None}),
        ]
    )
    winner = catalog_lake.heads()["a"]
    if winner == "r1":
        assert (first, second) == (Commit(("a", "b")), Commit(("c",), {"a": "r1"}))
    else:
        assert (first, second) == (Commit(("b",), {"a": "r2"}), Commit(("a", "c")))
    assert catalog_lake.heads() == {"a": winner, "b": "r1", "c": "r2"}


def test_first_rows_of_a_table_by_two_runs_at_once(catalog_lake: Lake) -> None:
    catalog_lake.ensure_writable()
    at_once([lambda: write_drops(catalog_lake, "r1", "a"), lambda: write_drops(catalog_lake, "r2", "b", "c")])
    assert catalog_lake.read_run("drops", "r1").count() == 1
    assert catalog_lake.read_run("drops", "r2").count() == 2


def test_reader_sees_one_run_or_the_next_but_no_part(lake: Lake) -> None:
    write_drops(lake, "r0", "a", "b", "c")
    lake.commit("r0", dict.fromkeys("abc"))
    ended = threading.Event()
    seen: list[tuple[str, ...]] = []

    def run() -> None:
        try:
            for experiment in "abc":
                write_drops(lake, "r1", experiment)
            lake.commit("r1", dict.fromkeys("abc", "r0"))
        finally:
            ended.set()

    def poll() -> None:
        last = False
        while not last:
            last = ended.is_set()
            seen.append(tuple(f"{run}{experiment}" for run, experiment, _ in drops(lake)))

    at_once([run, poll])
    assert seen[0] == ("r0a", "r0b", "r0c")
    assert seen[-1] == ("r1a", "r1b", "r1c")
    assert set(seen) == {seen[0], seen[-1]}
