"""spark-submit jobs/analyze.py --conf conf --env NAME --run-id ID: results of a run that has its moments; commits."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from abspark.cli import FAIL_ON_HEALTH, invoke, require_health
from abspark.command_common import CONF, ENV, QUIET
from jobs.common import RUN_ID, resumed

if TYPE_CHECKING:
    from abspark.stages.state import RunState


@click.command()
@CONF
@ENV
@RUN_ID
@QUIET
@FAIL_ON_HEALTH
def analyze(conf: Path, env: str, run_id: str, *, quiet: bool, fail_on_health: bool) -> None:
    """Write the results of a run that has its moments, and commit the run."""
    from abspark.stages.analyze import analyze as analysis
    from abspark.stages.analyze import commit

    at_end = _healthy if fail_on_health else None
    resumed(conf, env, run_id, quiet=quiet, writes="results", stages=(analysis, commit), at_end=at_end)


def _healthy(state: RunState) -> None:
    from abspark import queries

    require_health(queries.rows(state.spark, state.project, "health", experiments=tuple(state.experiments)))


def main(argv: list[str] | None = None) -> None:
    """Run the job and exit with its code."""
    sys.exit(invoke(analyze, sys.argv[1:] if argv is None else argv))


if __name__ == "__main__":
    main()
