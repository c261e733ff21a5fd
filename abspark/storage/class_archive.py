"""An archive of the Java classes that a run loads, from which later starts on this machine map them.

Half of a small run is Java finding, checking and linking classes of Spark and Delta. Java 13 and later can dump them as
they end (JEP 350, dynamic class data sharing) and use the dump wherever program and class path are the same; where they
are not, Java ignores it.
"""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from abspark.storage.cache import cache_folder
from abspark.storage.java import java_executable


def archive_option(class_path: str) -> str:
    """What tells Java to use the archive for a class path; empty where there is none."""
    archive = _archive(class_path)
    return f"-XX:SharedArchiveFile={archive}" if archive is not None and archive.is_file() else ""


class ArchiveBeingMade:
    """The archive that a Java process is going to leave as it ends."""

    def __init__(self, archive: Path) -> None:
        self._archive = archive
        self._draft = archive.with_name(f"{archive.name}.{os.getpid()}")
        self.option = f"-XX:ArchiveClassesAtExit={self._draft}"

    def keep(self) -> None:
        """Put it where later starts look, once the process has ended; without effect where it left none."""
        with suppress(OSError):
            self._draft.replace(self._archive)


def archive_to_make(class_path: str) -> ArchiveBeingMade | None:
    """The archive for a class path, for a Java process yet to start; None where it is there or can't be made."""
    archive = _archive(class_path)
    if archive is None or archive.is_file():
        return None
    try:
        archive.parent.mkdir(parents=True, exist_ok=True)
    except OSError:
        return None
    return ArchiveBeingMade(archive)


def _archive(class_path: str) -> Path | None:
    java = java_executable()
    try:
        told = (str(java and java.resolve()), version("pyspark"), class_path)
    except PackageNotFoundError:
        return None
    name = hashlib.sha256("\n".join(told).encode()).hexdigest()[:16]
    return cache_folder() / f"classes-{name}.jsa"
