"""Every command of the README works as written, in the order in which it stands there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from abspark.cli import cli, invoke

pytestmark = [pytest.mark.spark, pytest.mark.e2e]
README = (Path(__file__).parents[2] / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def test_commands_and_code(
    compiling: SparkSession,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    commands = [
        line[2:] for block in blocks("console") for line in block.splitlines() if line.startswith("$ ")
    ]
    assert len(commands) >= 10
    for command in commands:
        program, *arguments = shlex.split(command)
        assert program == "abspark"
        assert invoke(cli, arguments) == 0, (command, capfd.readouterr().err)
    [code] = blocks("python")
    found: dict[str, object] = {"spark": compiling}
    exec(code, found)
    assert found["outcome"].experiments == {"exp_0": "committed", "exp_1": "committed"}  # type: ignore[attr-defined]


def test_make_targets_that_it_names_exist() -> None:
    makefile = (Path(__file__).parents[2] / "Makefile").read_text()
    for target in re.findall(r"^    make ([a-z-]+)$", README, flags=re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE), target
