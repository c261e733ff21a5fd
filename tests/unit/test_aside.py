"""What runs beside the stages: in order, told when waited for, and over when closed."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from abspark.stages.aside import Aside


def test_work_is_done_in_order_also_after_a_failure() -> None:
    done: list[str] = []
    aside = Aside()

    def fails() -> None:
        done.append("second")
        raise ValueError("the lake is gone")

    aside.start(lambda: done.append("first"))
    aside.start(fails)
    third = aside.start(lambda: done.append("third") or 3)
    with pytest.raises(ValueError, match="the lake is gone"):
        aside.wait()
    assert third.result() == 3
    assert done == ["first", "second", "third"]
    aside.wait()
    aside.close()


def test_what_was_asked_for_is_told_to_who_asks() -> None:
    aside = Aside()

    def fails() -> int:
        raise ValueError("no such log")

    asked, answered = aside.ask(fails), aside.ask(lambda: 2)
    aside.start(lambda: None)
    aside.wait()
    assert answered.result() == 2
    with pytest.raises(ValueError, match="no such log"):
        asked.result()
    aside.close()


def test_what_work_itself_gives_is_waited_for() -> None:
    done: list[str] = []
    aside = Aside()
    aside.start(lambda: aside.start(lambda: done.append("inner")))
    aside.wait()
    assert done == ["inner"]
    aside.close()


def test_closing_waits_for_what_is_under_way_and_drops_the_rest() -> None:
    begun, may_end = threading.Event(), threading.Event()
    done: list[str] = []
    aside = Aside()

    def slow() -> None:
        begun.set()
        may_end.wait(5)
        done.append("slow")

    aside.start(slow)
    aside.start(lambda: done.append("never"))
    begun.wait(5)
    threading.Timer(0.1, may_end.set).start()
    aside.close()
    assert done == ["slow"]


def test_each_piece_of_work_is_done_within() -> None:
    done: list[str] = []

    @contextmanager
    def tagged() -> Iterator[None]:
        done.append(f"tag in {threading.current_thread().name[:13]}")
        try:
            yield
        finally:
            done.append("untag")

    def fails() -> None:
        done.append("fails")
        raise ValueError("the lake is gone")

    aside = Aside(tagged)
    aside.start(fails)
    aside.start(lambda: done.append("third")).result()
    aside.close()
    begin = "tag in abspark-aside"
    assert done == [begin, "fails", "untag", begin, "third", "untag"]
