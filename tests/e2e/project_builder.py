"""A tiny project on disk: two experiments, three logs of a few hundred rows, and two environments.

Every row follows from its unit's number by arithmetic, so the logs are the same each time. Variants are the ones the
scheme sha256 gives. `button` has two variants and segments, and reads purchases; `banner` has three, and reads
purchases and visits. The environment `here` takes the session that is there, `own` starts one.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from abspark.config import Project, load_project

AS_OF = "2026-04-01T00:00:00Z"
AS_OF_INSTANT = datetime(2026, 4, 1, tzinfo=UTC)
START = datetime(2026, 3, 1, tzinfo=UTC)
UNITS = 120
SALT = "tiny"
VARIANTS: Mapping[str, Mapping[str, float]] = {
    "button": {"control": 0.5, "treatment": 0.5},
    "banner": {"control": 0.5, "small": 0.25, "large": 0.25},
}
EXPOSURE_COLUMNS = ("experiment", "user", "variant", "ts", "id", "platform")

_FILES = {
    "sources/logs.yaml": """\
exposures:
  - name: exposures
    format: csv
    path: data/exposures
    columns: {experiment: experiment, unit: user, variant: variant, time: ts, event_id: id}
    attributes: [platform]
events:
  - name: purchases
    format: parquet
    path: data/purchases
    columns: {unit: user, time: ts, event: kind, value: amount, event_id: id}
  - name: visits
    format: csv
    path: data/visits
    columns: {unit: user, time: ts}
""",
    "metrics/tiny.yaml": """\
metrics:
  - {name: conversion, kind: proportion, source: purchases, where: "event = 'buy'", window: {end: 7d}}
  - {name: revenue, kind: mean, source: purchases, value: value, window: {end: 7d}}
  - {name: visit_count, kind: count, source: visits, window: {end: 3d}}
""",
    "experiments/button.yaml": """\
id: button
variants: [{key: control, weight: 0.5}, {key: treatment, weight: 0.5}]
control: control
status: running
start: 2026-03-01T00:00:00Z
end: 2026-03-11T00:00:00Z
exposures: exposures
assignment: {scheme: sha256, salt: tiny}
metrics: {primary: [conversion], secondary: [revenue]}
segments: [platform]
""",
    "experiments/banner.yaml": """\
id: banner
variants: [{key: control, weight: 0.5}, {key: small, weight: 0.25}, {key: large, weight: 0.25}]
control: control
status: running
start: 2026-03-01T00:00:00Z
end: 2026-03-11T00:00:00Z
exposures: exposures
assignment: {scheme: sha256, salt: tiny}
metrics: {primary: [conversion], secondary: [visit_count]}
""",
    "environments/here.yaml": """\
lake: {path: ./lake}
""",
    "environments/own.yaml": """\
lake: {path: ./lake}
spark:
  master: "local[2]"
  conf:
    spark.driver.memory: 1g
    spark.driver.extraJavaOptions: "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
    spark.sql.shuffle.partitions: 2
    spark.sql.codegen.wholeStage: "false"
    spark.sql.codegen.factoryMode: NO_CODEGEN
""",
}


@dataclass(frozen=True)
class TinyProject:
    """A project directory and the ways in which tests use it."""

    root: Path

    @property
    def conf(self) -> Path:
        return self.root / "conf"

    def command(self, name: str, *more: str, env: str = "here") -> list[str]:
        """Arguments of a command that takes a configuration and an environment."""
        return [name, "--conf", str(self.conf), "--env", env, *more]

    def load(self, env: str = "here") -> Project:
        return load_project(self.conf, env, environ={})

    def edit(self, file: str, old: str, new: str) -> None:
        """Replace text in a file below conf, where it must be."""
        path = self.conf / file
        text = path.read_text()
        assert old in text, f"{old!r} is not in {file}"
        path.write_text(text.replace(old, new))

    def write_csv(self, folder: str, rows: Sequence[Sequence[object]], columns: Sequence[str]) -> None:
        """One CSV file that replaces what the log had."""
        path = self._emptied(folder) / "part.csv"
        with path.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([columns, *rows])

    def write_parquet(self, folder: str, columns: Mapping[str, Any]) -> None:
        """One Parquet file that replaces what the log had."""
        pq.write_table(pa.table(dict(columns)), self._emptied(folder) / "part.parquet")

    def _emptied(self, folder: str) -> Path:
        path = self.root / "data" / folder
        path.mkdir(parents=True, exist_ok=True)
        for old in path.iterdir():
            old.unlink()
        return path


@dataclass(frozen=True)
class Undisturbed:
    """A project that was run once, by a call in this process; `tables` is what it committed, rows by table."""

    project: TinyProject
    run_id: str
    tables: dict[str, list[dict[str, Any]]]


def make_project(root: Path, lake_format: str = "delta") -> TinyProject:
    """Write configuration and logs below `root`."""
    project = TinyProject(root)
    for name, text in _FILES.items():
        path = project.conf / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.replace("{path: ./lake}", f"{{path: ./lake, format: {lake_format}}}"))
    project.write_csv("exposures", exposure_rows(), EXPOSURE_COLUMNS)
    project.write_parquet("purchases", purchases())
    project.write_csv("visits", visit_rows(), ("user", "ts"))
    return project


def variant_of(experiment: str, user: str) -> str:
    """The variant by the scheme's definition: the first 8 hex digits of SHA-256 modulo 10,000, over 10,000."""
    digest = hashlib.sha256(f"{SALT}:{experiment}:{user}".encode()).hexdigest()
    share, total = int(digest[:8], 16) % 10_000 / 10_000, 0.0
    for variant, weight in VARIANTS[experiment].items():
        total += weight
        if share < total:
            return variant
    return list(VARIANTS[experiment])[-1]


def user_name(number: int) -> str:
    return f"user-{number:03d}"


def exposed_at(number: int) -> datetime:
    """A unit's first exposure: within the first eight days."""
    return START + timedelta(hours=number * 37 % 190, seconds=number)


def text_of(instant: datetime) -> str:
    return instant.strftime("%Y-%m-%dT%H:%M:%SZ")


def exposure_rows() -> list[tuple[str, ...]]:
    """Each unit in both experiments; every fifth twice, every fortieth in a second variant too."""
    rows = []
    for experiment, variants in VARIANTS.items():
        for number in range(UNITS):
            user, at, platform = user_name(number), exposed_at(number), ("web", "app", "tv")[number % 3]
            variant = variant_of(experiment, user)
            other = next(key for key in variants if key != variant)
            rows.append((experiment, user, variant, text_of(at), f"e{number}", platform))
            if number % 5 == 0:
                rows.append((experiment, user, variant, text_of(at + timedelta(hours=1)), "e", platform))
            if number % 40 == 0:
                rows.append((experiment, user, other, text_of(at + timedelta(hours=30)), "e", platform))
    return rows


def purchases() -> dict[str, Any]:
    """`number % 4` events per unit, a day and a half apart, the first an hour before the exposure; one id twice."""
    rows = [
        (
            user_name(number),
            exposed_at(number) + timedelta(hours=36 * turn - 1),
            ("buy", "view")[turn % 2],
            turn,
        )
        for number in range(UNITS + 20)
        for turn in range(number % 4)
    ]
    rows.append(rows[0])
    return {
        "user": [row[0] for row in rows],
        "ts": pa.array([row[1] for row in rows], pa.timestamp("us", tz="UTC")),
        "kind": [row[2] for row in rows],
        "amount": pa.array([row[3] * 2.5 + int(row[0][-3:]) / 7 for row in rows], pa.float64()),
        "id": [f"{row[0]}-{row[3]}" for row in rows],
    }


def visit_rows() -> list[tuple[str, str]]:
    """`number % 3` visits per unit, a day apart from its exposure on."""
    return [
        (user_name(number), text_of(exposed_at(number) + timedelta(days=turn)))
        for number in range(UNITS)
        for turn in range(number % 3)
    ]
