"""spark-submit jobs/run.py --conf conf --env NAME: all stages, raw logs to committed results."""

from __future__ import annotations

import sys

from abspark.cli import invoke, run


def main(argv: list[str] | None = None) -> None:
    """Run all stages with the options of `abspark run`, and exit with its code."""
    sys.exit(invoke(run, sys.argv[1:] if argv is None else argv))


if __name__ == "__main__":
    main()
