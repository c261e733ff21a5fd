"""Reading a conf directory: files, variables, models, cross-file checks; all faults together."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

from abspark.config.checks import check_items
from abspark.config.environment import Environment
from abspark.config.experiment import Experiment
from abspark.config.faults import Place, unknown_key
from abspark.config.files import FOLDERS, list_files, read_file, shown_path
from abspark.config.inheritance import told_once
from abspark.config.items import LISTS, Items, validated, without_unset
from abspark.config.metric import Metric
from abspark.config.project import Project
from abspark.config.source import DimensionSource, EventSource, ExposureSource
from abspark.errors import ConfigError, Fault, UsageError

_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_VARIABLE: Final = re.compile(r"\$\{[A-Za-z_][A-Za-z0-9_]*\}")
"""A variable without a default: that would be the secret, written."""
_S = TypeVar("_S", ExposureSource, EventSource, DimensionSource)


def load_project(conf: Path, env: str | None = None, *, environ: Mapping[str, str] = os.environ) -> Project:
    """The project in the directory `conf`, checked, for the environment `env`.

    Without `env`, all environments are checked, except that their variables may be unset, and none is chosen.

    Raises:
        UsageError: no such directory or environment.
        ConfigError: the files have faults; all of them are reported.
    """
    conf = Path(conf)
    if not conf.is_dir():
        raise UsageError(
            f"no configuration directory {conf}", advice="`abspark init` writes a starter project"
        )
    if (conf / "conf").is_dir() and not any((conf / folder).is_dir() for folder in FOLDERS):
        raise UsageError(f"{conf} holds no configuration", advice=f"did you mean {conf / 'conf'}?")
    items = Items()
    faults: list[Fault] = []
    environment = _environment(conf, env, environ, faults)
    for folder in LISTS:
        paths, wrong = list_files(conf, folder)
        faults.extend(wrong)
        if not paths:
            items.unread.update(LISTS[folder])
        for path in paths:
            file = read_file(path, environ)
            items.add(file, folder)
            faults.extend(file.faults)
    items.extend_metrics()
    faults.extend(items.faults)
    faults.extend(check_items(items))
    if faults:
        raise ConfigError(list(told_once(items.written_metrics, faults)))
    return _project(Path(os.path.abspath(conf)).parent, items, environment)


def _project(root: Path, items: Items, environment: Environment | None) -> Project:
    models: dict[str, dict[str, Any]] = {
        kind: {
            item.model.id if kind == "experiments" else item.model.name: item.model for item in items.of(kind)
        }
        for kinds in LISTS.values()
        for kind in kinds
    }
    return Project(
        root=root,
        exposures={name: _resolved(source, root) for name, source in models["exposures"].items()},
        events={name: _resolved(source, root) for name, source in models["events"].items()},
        dimensions={name: _resolved(source, root) for name, source in models["dimensions"].items()},
        metrics=models["metrics"]
        | {step.name: step for metric in models["metrics"].values() for step in metric.partial_funnels},
        experiments={
            name: _with_steps(given, models["metrics"]) for name, given in models["experiments"].items()
        },
        environment=None if environment is None else _with_lake_below(environment, root),
    )


def _with_steps(experiment: Experiment, metrics: Mapping[str, Metric]) -> Experiment:
    """The experiment with the steps of its funnels, but for the last, as secondary metrics."""
    steps = [step.name for name in experiment.metrics.names for step in metrics[name].partial_funnels]
    new = [name for name in steps if name not in experiment.metrics.names]
    roles = experiment.metrics.model_copy(update={"secondary": (*experiment.metrics.secondary, *new)})
    return experiment.model_copy(update={"metrics": roles})


def _environment(
    conf: Path, env: str | None, environ: Mapping[str, str], faults: list[Fault]
) -> Environment | None:
    paths, wrong = list_files(conf, "environments")
    if env is None:
        faults.extend(wrong)
    names = [path.stem for path in paths]
    if env is not None and env not in names:
        raise UsageError(
            f"no environment {env!r} in {shown_path(conf / 'environments')}",
            allowed=", ".join(sorted(set(names))) or "none exists",
        )
    chosen = None
    for path in paths:
        if env is not None and path.stem != env:
            continue
        if names.count(path.stem) > 1:
            faults.append(Fault(shown_path(path), None, "", "the environment has two files"))
        file = read_file(path, environ)
        made, invalid = _environment_of(file.data, path.stem, file.place)
        faults.extend(without_unset(invalid, file))
        unset = {place.key for place in file.unset}
        faults.extend(fault for fault in file.faults if env is not None or fault.key not in unset)
        chosen = made if env is not None else None
    return chosen


def _environment_of(data: Any, name: str, place: Place) -> tuple[Environment | None, tuple[Fault, ...]]:
    if data is None:
        return None, () if place.document.complaints else (
            place.fault("the file is empty", show_value=False),
        )
    if not isinstance(data, Mapping):
        return None, (place.fault("must be a mapping of key: value", show_value=False),)
    known = [key for key in Environment.model_fields if key != "name"]
    unknown = [unknown_key(place.inside(key), known, ("lake",)) for key in data if key not in known]
    written = {key: value for key, value in data.items() if key in known}
    made, faults = validated(Environment, {**written, "name": name}, place)
    return (made if isinstance(made, Environment) else None), (*unknown, *_without_secrets(faults, place))


def _without_secrets(faults: Iterable[Fault], place: Place) -> tuple[Fault, ...]:
    """The faults, in which no secret is shown: one that is written in the file is told as that alone."""
    written = place.document.data.get("pseudonym_key")
    if written is None or (isinstance(written, str) and _VARIABLE.fullmatch(written)):
        return tuple(faults)
    here = place.at("pseudonym_key")
    allowed = "an environment variable: ${NAME}"
    told = here.fault("a secret is not written in a file", allowed=allowed, show_value=False)
    return (*(fault for fault in faults if fault.key != here.key), told)


def _resolved(source: _S, root: Path) -> _S:
    return source.model_copy(update={"path": _below(source.path, root)})


def _with_lake_below(environment: Environment, root: Path) -> Environment:
    lake = environment.lake.model_copy(update={"path": _below(environment.lake.path, root)})
    return environment.model_copy(update={"lake": lake})


def _below(path: str | None, root: Path) -> str | None:
    if path is None or _SCHEME.match(path) or os.path.isabs(path):
        return path
    return os.path.normpath(root / path)
