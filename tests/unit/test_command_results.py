"""Which rows `abspark results` shows: those of the last day, of all days, or by days since exposure."""

from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import CliRunner
from report_rows import exposure_series, series

from abspark import cli


@pytest.mark.parametrize(
    ("options", "days"),
    [
        ((), [("2026-03-15", None)]),
        (("--days", "all"), [("2026-03-13", None), ("2026-03-14", None), ("2026-03-15", None)]),
        (("--days", "exposure"), [(None, 0), (None, 1)]),
    ],
)
def test_days(monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...], days: list[Any]) -> None:
    rows = [*exposure_series(days=2), *series(days=3)]
    monkeypatch.setattr(cli, "_committed", lambda *_: rows)
    found = CliRunner().invoke(
        cli.cli, ["results", "--env", "here", "--format", "json", *options], catch_exceptions=False
    )
    assert found.exit_code == 0, found.output
    assert [(row["day"], row["exposure_day"]) for row in json.loads(found.stdout)] == days
