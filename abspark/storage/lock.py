"""One writer at a time among the processes of one machine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from abspark.errors import LakeError

_FILE: Final = ".abspark.lock"


@contextmanager
def machine_lock(folder: Path | None) -> Iterator[None]:
    """Wait until no other writer holds the folder's lock, and hold it.

    A local disk, unlike an object store or HDFS, lets two processes rename onto one name, so one Delta
    commit could overwrite another. The operating system frees the lock of a process that dies. Without
    effect where the folder is None or not on this machine's disk, and on systems without POSIX locks.

    Raises:
        LakeError: the lock's file cannot be written.
    """
    if folder is None or not folder.is_dir() or find_spec("fcntl") is None:
        yield
        return
    fcntl = import_module("fcntl")
    try:
        file = (folder / _FILE).open("ab")
    except OSError as error:
        raise LakeError(f"the lake {folder} cannot be written: {error.strerror}.") from None
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
