"""The files of a conf directory as values with places, variables expanded."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from abspark.config.faults import Place, key_text
from abspark.config.variables import FORMS, expand
from abspark.config.yaml_reader import Document, read_yaml
from abspark.errors import Fault

FOLDERS: Final = ("sources", "metrics", "experiments", "environments")
_SUFFIXES: Final = (".yaml", ".yml")


@dataclass
class ConfigFile:
    """One file. `data` has variables expanded, `place.document` holds values as written.

    `unset` are the places whose variables could not be expanded; `faults` what is wrong up to here.
    """

    path: Path
    place: Place
    data: Any
    faults: list[Fault] = field(default_factory=list)
    unset: list[Place] = field(default_factory=list)


def shown_path(path: Path) -> str:
    """The path as seen from the working directory where it lies below, else as given."""
    try:
        return str(Path(os.path.abspath(path)).relative_to(Path.cwd()))
    except (ValueError, OSError):
        return str(path)


def list_files(conf: Path, folder: str) -> tuple[list[Path], list[Fault]]:
    """The YAML files of a sub-folder by name, and what is wrong with the folder itself."""
    directory = conf / folder
    shown = shown_path(directory)
    if not directory.is_dir():
        return [], [Fault(shown, None, "", "the folder is missing", allowed=", ".join(FOLDERS))]
    entries = sorted(entry for entry in directory.iterdir() if not entry.name.startswith("."))
    files = [entry for entry in entries if entry.suffix.lower() in _SUFFIXES and entry.is_file()]
    faults = [
        Fault(shown_path(entry), None, "", f"folders inside {folder} are not read: move the files up")
        for entry in entries
        if entry.is_dir()
    ]
    if not files:
        faults.append(Fault(shown, None, "", "the folder holds no .yaml file"))
    return files, faults


def read_file(path: Path, environ: Mapping[str, str]) -> ConfigFile:
    """The file's content; unreadable or not YAML means data None and a fault."""
    shown = shown_path(path)
    try:
        document = read_yaml(path.read_bytes())
    except OSError as error:
        document = Document()
        return ConfigFile(path, Place(shown, document), None, [Fault(shown, None, "", f"{error.strerror}")])
    top = Place(shown, document)
    faults = []
    for complaint in document.complaints:
        faults.append(Fault(shown, complaint.line, key_text(complaint.path), complaint.message))
    file = ConfigFile(path, top, None, faults)
    file.data = _expanded(document.data, top, file, environ)
    return file


def _expanded(value: Any, place: Place, file: ConfigFile, environ: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _expanded(item, place.inside(key), file, environ) for key, item in value.items()}
    if isinstance(value, list):
        return [_expanded(item, place.inside(index), file, environ) for index, item in enumerate(value)]
    if not isinstance(value, str) or "${" not in value:
        return value
    text, wrong = expand(value, environ)
    if wrong:
        file.unset.append(place)
        file.faults.extend(place.fault(message, allowed=FORMS) for message in wrong)
    return text
