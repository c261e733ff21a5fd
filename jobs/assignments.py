"""spark-submit jobs/assignments.py --conf conf --env NAME: begin a run, write its assignments, print its id."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path

import click

from abspark.cli import invoke
from abspark.command_common import AS_OF, CONF, ENV, EXPERIMENTS, QUIET
from jobs.common import opened


@click.command()
@CONF
@ENV
@EXPERIMENTS
@AS_OF
@QUIET
def assignments(
    conf: Path, env: str, experiments: tuple[str, ...], as_of: datetime | None, *, quiet: bool
) -> None:
    """Begin a run and write its assignments; prints the run's id for the next jobs."""
    from abspark import runner

    with opened(conf, env, quiet=quiet, experiments=experiments) as (spark, project, progress):
        state = runner.begin(spark, project, experiments=experiments, as_of=as_of, progress=progress)
        with runner.recorded_failure(state):
            runner.first_stage(state)
        click.echo(state.run_id)


def main(argv: list[str] | None = None) -> None:
    """Run the job and exit with its code."""
    sys.exit(invoke(assignments, sys.argv[1:] if argv is None else argv))


if __name__ == "__main__":
    main()
