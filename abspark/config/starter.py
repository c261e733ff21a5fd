"""A commented starter project."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path, PurePosixPath
from typing import Final

from abspark.errors import UsageError

_TOP: Final = PurePosixPath()


def write_starter(directory: Path) -> tuple[Path, ...]:
    """Write `conf/` with one file of each kind into `directory`, which is created; return the files.

    Raises:
        UsageError: a file is there already; nothing is written then.
    """
    contents = {directory / path: text for path, text in _templates(files(__package__) / "templates")}
    if taken := [path for path in contents if path.exists()]:
        raise UsageError(
            f"already there: {', '.join(map(str, taken))}",
            advice="choose another directory, or move these files away",
        )
    for path, text in contents.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return tuple(contents)


def _templates(folder: Traversable, below: PurePosixPath = _TOP) -> Iterator[tuple[PurePosixPath, str]]:
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        path = below / entry.name
        if entry.is_dir():
            yield from _templates(entry, path)
        elif path.suffix == ".yaml":
            yield path, entry.read_text(encoding="utf-8")
