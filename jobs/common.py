"""How each stage job sets itself up."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from abspark.command_common import load, session
from abspark.config import chosen_experiments
from abspark.progress import Progress, on_stderr

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from abspark.config import Project
    from abspark.stages.state import RunState

RUN_ID = click.option("--run-id", required=True, help="The run that jobs/assignments.py began and printed.")


@contextmanager
def opened(
    conf: Path, env: str, *, quiet: bool, experiments: Sequence[str] | None = None
) -> Iterator[tuple[SparkSession, Project, Progress]]:
    """The session, project and progress of a job; the session's time zone is UTC meanwhile.

    A job that begins a run tells which `experiments`: what is wrong with them is told before Spark starts.
    """
    project = load(conf, env)
    if experiments is not None:
        chosen_experiments(project, experiments)
    progress = Progress() if quiet else on_stderr()
    with session(project.environment, progress.stage, reads=project) as spark:
        yield spark, project, progress


def resumed(
    conf: Path,
    env: str,
    run_id: str,
    *,
    quiet: bool,
    writes: str,
    stages: Sequence[Callable[[RunState], None]],
    at_end: Callable[[RunState], None] | None = None,
) -> None:
    """Carry a run that is under way through some stages, and record what they found for the next job.

    `writes` is the table that the first of them is for; `at_end` looks at what is recorded.
    """
    from abspark import runner

    with opened(conf, env, quiet=quiet) as (spark, project, progress):
        state = runner.resume(spark, project, run_id, writes=writes, progress=progress)
        with runner.recorded_failure(state):
            for stage in stages:
                stage(state)
            runner.hand_over(state)
        if at_end is not None:
            at_end(state)
