"""A small conf directory whose files tests edit."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from abspark.config import Project, load_project
from abspark.errors import ConfigError, Fault

WEB = "sources/web.yaml"
SHOP = "metrics/shop.yaml"
BUTTON = "experiments/button.yaml"
LOCAL = "environments/local.yaml"

SOURCES = """\
exposures:
  - name: shown
    format: delta
    path: raw/shown
    columns: {experiment: exp, unit: uid, variant: arm, time: at, event_id: eid}
    attributes: [country, platform]
    properties: {is_bot: boolean}
    filter: not is_bot
events:
  - name: orders
    format: csv
    path: /lake/orders
    columns: {unit: customer, time: bought_at, event: what, value: eur}
    properties:
      pieces: int
      tags: map<string,string>
      label: {type: string, column: raw_label}
"""
METRICS = """\
metrics:
  - name: conversion
    kind: proportion
    source: orders
    where: event = 'purchase'
    window: {end: 7d}
  - name: revenue
    kind: mean
    source: orders
    value: value * pieces
    window: {start: 1h, end: 14d}
  - name: orders_per_unit
    kind: count
    source: orders
    window: {end: 7d}
"""
EXPERIMENT = """\
id: button
variants: [{key: grey, weight: 0.4}, {key: green, weight: 0.6}]
control: grey
start: 2026-03-01T00:00:00Z
end: 2026-03-15T00:00:00Z
exposures: shown
metrics:
  primary: [conversion]
  secondary: [revenue]
  guardrails: [{metric: orders_per_unit, margin: {relative: 0.05}}]
segments: [country]
"""
ENVIRONMENT = """\
lake: {path: lake, format: parquet}
"""


class Conf:
    """A conf directory in which every file can be edited."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.write(WEB, SOURCES)
        self.write(SHOP, METRICS)
        self.write(BUTTON, EXPERIMENT)
        self.write(LOCAL, ENVIRONMENT)

    def write(self, name: str, text: str | bytes) -> None:
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())

    def edit(self, name: str, old: str, new: str) -> None:
        text = (self.directory / name).read_text()
        assert text.count(old) == 1, f"{old!r} is {text.count(old)} times in {name}"
        self.write(name, text.replace(old, new))

    def load(self, env: str | None = "local", environ: Mapping[str, str] | None = None) -> Project:
        return load_project(self.directory, env, environ=environ or {})

    def faults(self, env: str | None = "local", environ: Mapping[str, str] | None = None) -> list[Fault]:
        with pytest.raises(ConfigError) as caught:
            self.load(env, environ)
        return list(caught.value.faults)

    def told(self, env: str | None = "local", environ: Mapping[str, str] | None = None) -> list[str]:
        """The faults as `file:line key = value: message [allowed]`, files relative to conf."""
        return [self._line(fault) for fault in self.faults(env, environ)]

    def _line(self, fault: Fault) -> str:
        place = Path(fault.file).relative_to(self.directory)
        line = "" if fault.line is None else f":{fault.line}"
        value = "" if fault.value is None else f" = {fault.value}"
        allowed = "" if fault.allowed is None else f" [{fault.allowed}]"
        return f"{place}{line} {fault.key}{value}: {fault.message}{allowed}"
