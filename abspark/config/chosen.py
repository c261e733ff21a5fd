"""Which experiments a command is about."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from abspark.config.project import Project
from abspark.errors import UsageError


def as_ids(experiments: Sequence[str]) -> tuple[str, ...]:
    """Ids of experiments as they are given from Python, where a text is one id."""
    return (experiments,) if isinstance(experiments, str) else tuple(experiments)


def require_project(project: Project) -> None:
    """It is a project, and not its folder or the session.

    Raises:
        UsageError: It is none.
    """
    if not isinstance(project, Project):
        raise UsageError(
            f"a project is wanted, and not a {type(project).__name__}",
            allowed="the session, then what load_project(conf, env) gives",
        )


def require_known(project: Project, experiments: Sequence[str], others: Iterable[str] = ()) -> None:
    """Every experiment that is named is configured, or one of `others` that may be named as well.

    Raises:
        UsageError: One is not.
    """
    known = dict.fromkeys((*project.experiments, *sorted(others)))
    if unknown := [name for name in as_ids(experiments) if name not in known]:
        raise UsageError(f"no experiment {', '.join(map(repr, unknown))}", allowed=", ".join(known) or "none")


def chosen_experiments(project: Project, experiments: Sequence[str]) -> tuple[str, ...]:
    """The experiments to run: those named, else all that are not drafts.

    Raises:
        UsageError: One is unknown, or none is left.
    """
    require_project(project)
    experiments = as_ids(experiments)
    require_known(project, experiments)
    chosen = tuple(
        name
        for name, experiment in project.experiments.items()
        if name in experiments or (not experiments and experiment.status != "draft")
    )
    if not chosen:
        raise UsageError("no experiment to run", advice="set status: running, or name one with --experiment")
    return chosen
