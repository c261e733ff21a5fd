"""The starter project and the JSON Schemas."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from conf_directory import BUTTON, EXPERIMENT, LOCAL, SHOP, WEB, Conf

from abspark.config import load_project
from abspark.config.json_schema import write_schemas
from abspark.config.starter import write_starter
from abspark.config.yaml_reader import read_yaml
from abspark.errors import UsageError

FILES = (
    "conf/environments/local.yaml",
    "conf/experiments/checkout_button.yaml",
    "conf/metrics/shop.yaml",
    "conf/sources/web.yaml",
)


def schema_of(directory: Path, folder: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((directory / f"{folder}.schema.json").read_text())
    return loaded


def test_the_starter_is_a_valid_project(tmp_path: Path) -> None:
    written = write_starter(tmp_path / "new")
    assert written == tuple(tmp_path / "new" / name for name in FILES)
    project = load_project(tmp_path / "new" / "conf", "local", environ={})
    assert list(project.experiments) == ["checkout_button"]
    assert project.experiments["checkout_button"].metrics.names == tuple(project.metrics)
    assert project.experiments["checkout_button"].assignment.scheme == "sha256"
    assert project.exposures["web_exposures"].path == str(tmp_path / "new" / "data" / "raw" / "exposures")


def test_conf_of_the_repository_is_the_starter(tmp_path: Path) -> None:
    written = write_starter(tmp_path)
    repository = Path(__file__).parents[3]
    assert sorted(path.relative_to(repository).as_posix() for path in repository.glob("conf/**/*.*")) == list(
        FILES
    )
    for path in written:
        assert (repository / path.relative_to(tmp_path)).read_text() == path.read_text()


def test_the_starter_overwrites_nothing(tmp_path: Path) -> None:
    mine = tmp_path / "conf" / "metrics" / "shop.yaml"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    with pytest.raises(UsageError, match=r"already there: .*shop\.yaml"):
        write_starter(tmp_path)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [mine]
    assert mine.read_text() == "mine"


def test_a_project_loads_without_the_libraries_that_take_long(starter: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from abspark.config import load_project;"
        f"load_project(Path({str(starter / 'conf')!r}), 'local');"
        "heavy = {'numpy', 'scipy', 'pandas', 'pyarrow', 'pyspark', 'plotly'} & set(sys.modules);"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_schemas_accept_the_starter_and_the_several_experiments_form(starter: Path, tmp_path: Path) -> None:
    written = write_schemas(tmp_path / "schemas" / "deep")
    assert [path.name for path in written] == [
        "sources.schema.json",
        "metrics.schema.json",
        "experiments.schema.json",
        "environments.schema.json",
    ]
    for name in FILES:
        data = read_yaml((starter / name).read_bytes()).data
        schema = schema_of(written[0].parent, name.split("/")[1])
        jsonschema.Draft202012Validator.check_schema(schema)
        jsonschema.Draft202012Validator(schema).validate(data)
    window = schema_of(written[0].parent, "metrics")["$defs"]["Window"]
    assert window["properties"]["start"]["default"] == "0d"
    several = {"experiments": [read_yaml(EXPERIMENT.encode()).data]}
    jsonschema.Draft202012Validator(schema_of(written[0].parent, "experiments")).validate(several)


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        (WEB, "format: delta", "fromat: delta"),
        (WEB, "unit: uid", "unti: uid"),
        (WEB, "{type: string, column: raw_label}", "{kind: string}"),
        (SHOP, "kind: proportion", "kind: rate"),
        (SHOP, "{start: 1h, end: 14d}", "{start: 1h, end: 14 days}"),
        (BUTTON, "control: grey\n", ""),
        (BUTTON, "weight: 0.4", "weight: -1"),
        (BUTTON, ", {key: green, weight: 0.6}", ""),
        (LOCAL, "format: parquet", "format: csv"),
        (LOCAL, "lake:", "name: local\nlake:"),
    ],
)
def test_schemas_refuse_what_is_wrong(conf: Conf, tmp_path: Path, name: str, old: str, new: str) -> None:
    folder = name.split("/")[0]
    write_schemas(tmp_path)
    validator = jsonschema.Draft202012Validator(schema_of(tmp_path, folder))
    assert validator.is_valid(read_yaml((conf.directory / name).read_bytes()).data)
    conf.edit(name, old, new)
    assert not validator.is_valid(read_yaml((conf.directory / name).read_bytes()).data)
