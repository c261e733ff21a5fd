"""Code blocks of the documentation: YAML is valid, commands parse, and what needs no Spark is run as it stands.

The YAML of docs/metrics.md and the commands of the README are run whole in tests/e2e.
"""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import pytest
import yaml
from doc_blocks import ROOT, Block, all_blocks, blocks

import jobs.analyze
import jobs.assignments
import jobs.moments
import jobs.run
from abspark.cli import cli, invoke
from abspark.config.environment import Environment
from abspark.config.experiment import Experiment
from abspark.config.json_schema import MetricsFile, SourcesFile
from abspark.simulate import Simulation
from abspark.simulate.project import write_project
from abspark.storage.csv_values import UNIT_COLUMNS

JOBS = {
    "jobs/run.py": jobs.run.run,
    "jobs/assignments.py": jobs.assignments.assignments,
    "jobs/moments.py": jobs.moments.moments,
    "jobs/analyze.py": jobs.analyze.analyze,
}
WITHOUT_SPARK = ("init", "validate", "schema", "assign", "power")
LANGUAGES = {"yaml", "console", "python", "text", "json"}
EXPERIMENT = """\
id: any
variants: [{key: control, weight: 0.5}, {key: treatment, weight: 0.5}]
control: control
start: 2026-10-01T00:00:00Z
end: 2026-10-15T00:00:00Z
exposures: log
metrics: {primary: [conversion]}
"""


def marked(*languages: str) -> list[Any]:
    return [pytest.param(block, id=str(block)) for block in all_blocks(*languages)]


def test_every_block_names_its_language() -> None:
    found = {block.language for block in all_blocks() if block.page not in ("README.md", "CONTRIBUTING.md")}
    assert found == LANGUAGES


@pytest.mark.parametrize("block", [p for p in marked("yaml") if not str(p.id).startswith("metrics.md")])
def test_yaml_is_valid(block: Block) -> None:
    content = yaml.safe_load(block.text)
    keys = set(content)
    if keys & {"exposures", "events"} and "id" not in keys:
        SourcesFile.model_validate(content)
    elif keys == {"metrics"}:
        MetricsFile.model_validate(content)
    elif "lake" in keys:
        secrets = {"pseudonym_key": "s" * 32} if "pseudonym_key" in content else {}
        Environment.model_validate(content | {"name": "any"} | secrets)
    else:
        whole = {} if "id" in keys else yaml.safe_load(EXPERIMENT)
        experiment = Experiment.model_validate(whole | content)
        assert keys <= set(Experiment.model_fields)
        assert experiment.id


def commands(block: Block) -> list[tuple[str, str]]:
    """Each command of a console block with the output that is shown under it."""
    return [
        (command, output)
        for command, output in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block.text, flags=re.M)
    ]


@pytest.fixture
def two_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which docs/two-files.md gives its commands, with 500 units in each of its files."""
    for name, clicks in (("control", 50), ("treatment", 60)):
        rows = [f"{name}{place},{int(place < clicks)},{place % 7}.5" for place in range(500)]
        (tmp_path / f"{name}.csv").write_text("\n".join(["user_id,clicked,seconds", *rows]))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("block", marked("console"))
@pytest.mark.usefixtures("two_files")
def test_commands_parse(block: Block) -> None:
    found = commands(block)
    assert found
    for command, _ in found:
        program, *arguments = shlex.split(command)
        if program == "make":
            [target] = arguments
            assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), flags=re.M)
        elif program == "pip":
            extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
            assert re.fullmatch(r"abspark\[(.*)\]", arguments[-1])[1] in extras  # type: ignore[index]
        elif program == "spark-submit":
            parse(JOBS[arguments[0]], arguments[1:])
        else:
            assert program == "abspark"
            parse(cli.commands[arguments[0]], arguments[1:])


def parse(command: click.Command, arguments: list[str]) -> None:
    """Parse and convert the arguments, and run nothing."""
    command.make_context(command.name, list(arguments))


@pytest.fixture
def projects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which the pages' commands are given; its project is that of `abspark simulate --out trial`."""
    write_project(Simulation(experiments=2), tmp_path / "trial", log_format="parquet")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("page", ["index.md", "own-logs.md", "assignment.md"])
def test_commands_without_spark_print_what_is_shown(
    page: str, projects: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ran = 0
    for block in blocks(ROOT / "docs" / page, "console"):
        for command, output in commands(block):
            _, name, *arguments = [*shlex.split(command), ""]
            if name not in WITHOUT_SPARK:
                assert output == ""
                continue
            ran += 1
            assert invoke(cli, [name, *arguments[:-1]]) == 0, command
            shown = capsys.readouterr().out
            assert shown.strip() == output.strip() or output == "", command
    assert ran
    assert projects.exists()


def test_the_comparisons_of_two_files_run(two_files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for block in blocks(ROOT / "docs" / "two-files.md", "console"):
        for command, _ in commands(block):
            assert invoke(cli, shlex.split(command)[1:]) == 0, command
            assert capsys.readouterr().err.replace("written: page.html\n", "") == ""
    assert (two_files / "page.html").stat().st_size > 100_000


def test_the_file_that_is_shown_is_read_as_it_says(
    two_files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    [block] = blocks(ROOT / "docs" / "two-files.md", "text")
    for name in ("a", "b"):
        (two_files / f"{name}.csv").write_text(block.text)
    asked = ["compare", "a.csv", "b.csv", "--metric", "clicked", "--unit", "-", "--format", "json"]
    assert invoke(cli, asked) == 0
    [row] = json.loads(capsys.readouterr().out)
    assert (row["n_control"], row["mean_control"]) == (3, pytest.approx(2 / 3))


def test_the_usual_names_of_ids_are_those_of_the_page() -> None:
    told = (ROOT / "docs" / "two-files.md").read_text().split("a usual name:")[1].split("`--unit -`")[0]
    assert tuple(re.findall(r"`([a-z_]+)`", told)) == UNIT_COLUMNS


def test_the_fault_that_is_shown_is_told_so(projects: Path, capsys: pytest.CaptureFixture[str]) -> None:
    invoke(cli, ["init", "shop"])
    file = projects / "shop" / "conf" / "metrics" / "shop.yaml"
    file.write_text(file.read_text().replace("source: web_events", "source: web_event", 1))
    capsys.readouterr()
    assert invoke(cli, ["validate", "--conf", "shop/conf"]) == 2
    [block] = blocks(ROOT / "docs" / "own-logs.md", "text")
    assert capsys.readouterr().err == block.text


@pytest.mark.parametrize("block", marked("python"))
def test_python(block: Block, projects: Path) -> None:
    """What needs a session is the README's code, which is run in tests/e2e."""
    code = block.text
    if "spark" in re.findall(r"\bspark\b(?=[,)])", code):
        assert code in {given.text for given in blocks(ROOT / "README.md", "python")}
    else:
        exec(code, {})
    assert projects.exists()


@pytest.mark.parametrize("block", marked("json"))
def test_the_task_of_a_databricks_job(block: Block) -> None:
    task: Mapping[str, Any] = json.loads(block.text)["python_wheel_task"]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert task["package_name"] == project["name"]
    assert project["scripts"][task["entry_point"]] == "jobs.run:main"
    parse(jobs.run.run, task["parameters"])
