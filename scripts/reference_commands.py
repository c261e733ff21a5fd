"""The page on commands and jobs, from their own help."""

from __future__ import annotations

import click

from abspark.cli import cli
from jobs import analyze, assignments, moments, run

_JOBS = (run, assignments, moments, analyze)
_WIDTH = 100
_HEAD = """# Commands

Generated from the program's own help. `--debug`, anywhere on the line, shows tracebacks. Exit codes:
[Operations](operations.md#exit-codes).
"""
_JOBS_HEAD = """## Jobs

Scripts for `spark-submit`. `jobs/run.py` does everything; the other three do a stage each, in this order.
"""


def commands_page() -> str:
    """The page as Markdown."""
    commands = [_section(f"abspark {name}", command) for name, command in sorted(cli.commands.items())]
    jobs = [_section(_path(job), _command(job)) for job in _JOBS]
    return "\n".join([_HEAD, *commands, _JOBS_HEAD, *jobs])


def _path(job: object) -> str:
    return f"jobs/{job.__name__.removeprefix('jobs.')}.py"  # type: ignore[attr-defined]  # modules have a name


def _command(job: object) -> click.Command:
    [command] = {
        id(value): value for value in vars(job).values() if isinstance(value, click.Command)
    }.values()
    return command


def _section(name: str, command: click.Command) -> str:
    context = click.Context(command, info_name=name, terminal_width=_WIDTH, max_content_width=_WIDTH)
    level = "###" if name.startswith("jobs/") else "##"
    return f"{level} {name}\n\n```text\n{command.get_help(context)}\n```\n"
