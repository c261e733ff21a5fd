"""Work that a run does beside its main line.

Planning keeps one core busy; what waits for nothing else can use another.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypeVar

Answer = TypeVar("Answer")


class Aside:
    """One thread that does what it is given in that order, each piece `within`. Nothing of it outlives `close`."""

    def __init__(self, within: Callable[[], AbstractContextManager[None]] = nullcontext) -> None:
        self._within = within
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="abspark-aside")
        self._given: list[Future[Any]] = []

    def start(self, work: Callable[[], Answer]) -> Future[Answer]:
        """Do some work once what was given before has ended, also where that failed."""
        future = self.ask(work)
        self._given.append(future)
        return future

    def ask(self, work: Callable[[], Answer]) -> Future[Answer]:
        """The same; what the work fails of is raised to who asks for its answer, and not by `wait`."""

        def do() -> Answer:
            with self._within():
                return work()

        return self._thread.submit(do)

    def wait(self) -> None:
        """Until all that was started has ended; raises what its first failure raised."""
        while self._given:
            self._given.pop(0).result()

    def close(self) -> None:
        """Until what is under way has ended; what has not begun is left undone, and failures are not told."""
        self._thread.shutdown(wait=True, cancel_futures=True)
