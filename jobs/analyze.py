"""spark-submit jobs/analyze.py --conf conf --env NAME --run-id ID: results of a run that has its moments; commits."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from abspark.cli import invoke
from abspark.command_common import CONF, ENV, QUIET
from jobs.common import RUN_ID, resumed


@click.command()
@CONF
@ENV
@RUN_ID
@QUIET
def analyze(conf: Path, env: str, run_id: str, *, quiet: bool) -> None:
    """Write the results of a run that has its moments, and commit the run."""
    from abspark.stages.analyze import analyze as analysis
    from abspark.stages.analyze import commit

    resumed(conf, env, run_id, quiet=quiet, writes="results", stages=(analysis, commit))


def main(argv: list[str] | None = None) -> None:
    """Run the job and exit with its code."""
    sys.exit(invoke(analyze, sys.argv[1:] if argv is None else argv))


if __name__ == "__main__":
    main()
