"""Where Delta's jars are on this machine, remembered from the last start of Spark that had to look them up.

Looking up a package takes Ivy seconds at each start, and Spark then copies every jar that the package names, those it
has itself among them. Known jars go on Java's class path instead, which costs nothing.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from abspark.storage.cache import cache_folder

_VERSION: Final = re.compile(r"-\d[\w.+-]*\.jar$")


def known_jars(packages: str) -> tuple[str, ...] | None:
    """Paths of the jars that a list of packages stood for when last looked up; None where one is not there now."""
    try:
        jars = json.loads(_memory().read_text(encoding="utf-8"))[packages]
        return tuple(jars) if jars and all(Path(jar).is_file() for jar in jars) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def remember_jars(packages: str, resolved: str, own: Path) -> None:
    """Keep what `packages` was resolved to: `spark.jars` as a session has it, without jars that Spark has in `own`.

    A machine on which that can't be written forgets, and looks up again.
    """
    here = {_artifact(jar.name) for jar in own.glob("*.jar")}
    paths = [
        unquote(urlsplit(jar).path) for jar in resolved.split(",") if urlsplit(jar).scheme in ("", "file")
    ]
    jars = [path for path in paths if _artifact(_unqualified(path)) not in here]
    memory = _memory()
    with suppress(OSError):
        memory.parent.mkdir(parents=True, exist_ok=True)
        draft = memory.with_name(f"{memory.name}.{os.getpid()}")
        draft.write_text(json.dumps({packages: jars}, indent=2), encoding="utf-8")
        draft.replace(memory)


def class_path(jars: Iterable[str]) -> str:
    """Jars as Java takes them."""
    return os.pathsep.join(jars)


def _memory() -> Path:
    return cache_folder() / "jars.json"


def _unqualified(path: str) -> str:
    """Ivy writes `organisation_artifact-version.jar`."""
    name = Path(path).name
    return name.partition("_")[2] or name


def _artifact(name: str) -> str:
    """A jar's name without its version."""
    return _VERSION.sub("", name)
