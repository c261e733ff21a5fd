"""spark-submit jobs/moments.py --conf conf --env NAME --run-id ID: the moments of a run that has its assignments."""

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
def moments(conf: Path, env: str, run_id: str, *, quiet: bool) -> None:
    """Write the moments of a run that has its assignments."""
    from abspark.stages.measure import measure

    resumed(conf, env, run_id, quiet=quiet, writes="moments", stages=(measure,))


def main(argv: list[str] | None = None) -> None:
    """Run the job and exit with its code."""
    sys.exit(invoke(moments, sys.argv[1:] if argv is None else argv))


if __name__ == "__main__":
    main()
