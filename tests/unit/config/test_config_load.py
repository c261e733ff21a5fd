"""Loading: folders, several faults at once, cross-file rules, variables, paths, the configuration hash."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from conf_directory import BUTTON, ENVIRONMENT, EXPERIMENT, LOCAL, METRICS, SHOP, SOURCES, WEB, Conf

from abspark.config import load_project
from abspark.errors import UsageError


def test_a_project_is_loaded_whole(conf: Conf) -> None:
    project = conf.load()

    assert project.root == conf.directory.parent
    assert list(project.exposures) == ["shown"]
    assert project.exposures["shown"].path == str(conf.directory.parent / "raw" / "shown")
    assert project.exposures["shown"].columns.mapped == {
        "experiment": "exp",
        "unit": "uid",
        "variant": "arm",
        "time": "at",
        "event_id": "eid",
    }
    assert project.exposures["shown"].attributes == {"country": "country", "platform": "platform"}
    assert project.events["orders"].path == "/lake/orders"
    assert {name: (p.type, p.column) for name, p in project.events["orders"].properties.items()} == {
        "pieces": ("int", "pieces"),
        "tags": ("map<string,string>", "tags"),
        "label": ("string", "raw_label"),
    }
    assert list(project.metrics) == ["conversion", "revenue", "orders_per_unit"]
    assert project.metrics["revenue"].window.start == timedelta(hours=1)
    assert project.metrics["revenue"].window.end == timedelta(days=14)
    experiment = project.experiments["button"]
    assert experiment.start == datetime(2026, 3, 1, tzinfo=UTC)
    assert [(v.key, v.weight) for v in experiment.variants] == [("grey", 0.4), ("green", 0.6)]
    assert experiment.treatments == ("green",)
    assert experiment.metrics.names == ("conversion", "revenue", "orders_per_unit")
    assert experiment.assignment.scheme == "none"
    assert project.environment is not None
    assert project.environment.name == "local"
    assert project.environment.lake.path == str(conf.directory.parent / "lake")


def test_no_environment_is_chosen_without_a_name(conf: Conf) -> None:
    assert conf.load(env=None).environment is None


def test_environments_are_checked_without_a_name_but_for_variables(conf: Conf) -> None:
    conf.write("environments/prod.yaml", "lake: {path: '${LAKE}'}\nledger: all\n")
    assert conf.load().environment is not None
    assert conf.told(env=None) == [
        "environments/prod.yaml:2 ledger = all: is not among the choices ['rows', 'full' or 'read']"
    ]
    conf.write("environments/prod.yaml", "lake: {path: '${LAKE}'}\n")
    assert conf.load(env=None).environment is None
    environment = conf.load("prod", {"LAKE": "s3://bucket/lake"}).environment
    assert environment is not None
    assert environment.lake.path == "s3://bucket/lake"


def test_an_unknown_environment_names_the_known_ones(conf: Conf) -> None:
    conf.write("environments/prod.yml", ENVIRONMENT)
    with pytest.raises(UsageError, match=r"(?s)no environment 'test' in .*allowed: local, prod"):
        conf.load("test")


def test_a_project_that_is_named_instead_of_its_conf(conf: Conf) -> None:
    (conf.directory / "conf").mkdir()
    assert conf.load()
    for folder in ("sources", "metrics", "experiments", "environments"):
        (conf.directory / folder).rename(conf.directory / "conf" / folder)
    with pytest.raises(UsageError, match=r"conf holds no configuration\n  do: did you mean .*/conf/conf\?"):
        conf.load()


def test_a_missing_directory(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"(?s)no configuration directory .*nowhere.*abspark init"):
        load_project(tmp_path / "nowhere", "local")


def test_all_faults_of_all_files_are_told_at_once(conf: Conf) -> None:
    conf.edit(WEB, "path: raw/shown", "path: raw/shown\n    time_zone: Mars/Olympus")
    conf.edit(WEB, "pieces: int", "pieces: integr")
    conf.edit(SHOP, "kind: proportion", "kind: share")
    conf.edit(SHOP, "where: event = 'purchase'", "where: event = ")
    conf.edit(BUTTON, "control: grey", "control: gray")
    conf.edit(BUTTON, "weight: 0.4", "weight: 0.3")
    conf.edit(
        BUTTON, "segments: [country]", "segments: [nation]\nanalysis: {alpha: 2}\nmin_sample_size: many"
    )
    conf.edit(BUTTON, "primary: [conversion]", "primary: [conversion, bounce]")
    conf.write(LOCAL, "lake: {path: lake}\nspark: local\n")
    conf.write("metrics/empty.yaml", "# nothing yet\n")
    conf.write("metrics/torn.yaml", "metrics:\n  - name: a\n   kind: mean\n")
    places = [told.split(" ")[0] + " " + told.split(" ")[1].rstrip(":") for told in conf.told()]
    assert places == [
        "metrics/empty.yaml ",
        "metrics/torn.yaml:3 ",
        "environments/local.yaml:2 spark",
        "experiments/button.yaml:2 variants",
        "experiments/button.yaml:3 control",
        "experiments/button.yaml:11 segments[0]",
        "experiments/button.yaml:12 analysis.alpha",
        "experiments/button.yaml:13 min_sample_size",
        "metrics/shop.yaml:3 metrics[0].kind",
        "metrics/shop.yaml:5 metrics[0].where",
        "sources/web.yaml:5 exposures[0].time_zone",
        "sources/web.yaml:16 events[0].properties.pieces",
    ]


def test_a_fault_hides_no_other_of_its_file(conf: Conf) -> None:
    """Rules over fields that are valid are checked, in the definition that has the fault and inside of it."""
    conf.edit(BUTTON, "id: button", "id: button\nstatus: runing\nowned_by: growth")
    conf.edit(BUTTON, "end: 2026-03-15", "end: 2026-02-15")
    conf.edit(BUTTON, "margin: {relative: 0.05}", "margin: {relative: 0.05, absolute: 1, both: true}")
    places = [" ".join(told.split(" ")[:2]).rstrip(":") for told in conf.told()]
    assert places == [
        "experiments/button.yaml:2 status",
        "experiments/button.yaml:3 owned_by",
        "experiments/button.yaml:7 end",
        "experiments/button.yaml:12 metrics.guardrails[0].margin",
        "experiments/button.yaml:12 metrics.guardrails[0].margin.both",
    ]


def test_a_fault_hides_no_fault_of_another_file(conf: Conf) -> None:
    """What others take from a definition at fault is checked as far as that is valid."""
    conf.edit(WEB, "format: csv", "format: tsv")
    conf.edit(WEB, "path: raw/shown", "path: raw/shown\n    table: raw.shown")
    conf.edit(SHOP, "value: value * pieces", "value: value * items\n    direction: up")
    conf.edit(BUTTON, "segments: [country]", "segments: [land]\nstatus: runing\nanalysis: {method: anytime}")
    conf.edit(SHOP, "window: {start: 1h, end: 14d}", "window: {start: 1h, end: open}")
    places = [" ".join(told.split(" ")[:2]).rstrip(":") for told in conf.told()]
    assert places == [
        "experiments/button.yaml:9 metrics.secondary[0]",
        "experiments/button.yaml:11 segments[0]",
        "experiments/button.yaml:12 status",
        "metrics/shop.yaml:10 metrics[1].value",
        "metrics/shop.yaml:11 metrics[1].direction",
        "sources/web.yaml:5 exposures[0].table",
        "sources/web.yaml:12 events[0].format",
    ]


@pytest.mark.parametrize(
    ("fixed", "window", "sound"),
    [
        ("2026-03-01T00:00:00Z", "{end: 1d}", True),  # of a unit exposed at the very start
        ("2026-02-28T23:59:59Z", "{end: open}", False),  # before any exposure
        ("2026-02-28T23:59:59Z", "{start: -1d, end: open}", True),
        ("2026-03-15T23:59:59Z", "{end: 1d}", True),  # of a unit exposed just before the end
        ("2026-03-16T00:00:00Z", "{end: 1d}", False),  # of that unit it ended
        ("2026-03-16T00:00:00Z", "{end: open}", True),
    ],
)
def test_a_fixed_time_lies_in_the_window_of_some_unit(
    conf: Conf, fixed: str, window: str, sound: bool
) -> None:
    """The experiment runs from 1 March to 15 March, the end excluded."""
    conf.edit(WEB, "time: bought_at, ", "")
    conf.edit(WEB, "path: /lake/orders", f"path: /lake/orders\n    fixed_time: {fixed}")
    text = (conf.directory / SHOP).read_text()
    for old in ("{end: 7d}", "{start: 1h, end: 14d}"):
        text = text.replace(old, window)
    conf.write(SHOP, text)
    if sound:
        conf.load()
    else:
        told = conf.told()
        assert [line.split(":")[0] for line in told] == [SHOP] * 3
        assert f"leaves out all rows of 'orders', whose fixed_time is {fixed}, for every unit" in told[0]


def test_a_fixed_time_is_compared_with_that_of_the_exposures(conf: Conf) -> None:
    conf.edit(WEB, "time: bought_at, ", "")
    conf.edit(WEB, "path: /lake/orders", "path: /lake/orders\n    fixed_time: 2026-03-02T00:00:00Z")
    conf.edit(WEB, "time: at, ", "")
    conf.edit(WEB, "path: raw/shown", "path: raw/shown\n    fixed_time: 2026-03-02T00:00:00Z")
    conf.edit(SHOP, "start: 1h, ", "")
    conf.load()


@pytest.mark.parametrize("folder", ["sources", "metrics", "experiments", "environments"])
def test_a_missing_folder_and_an_empty_one(conf: Conf, folder: str) -> None:
    (conf.directory / folder).rename(conf.directory / "elsewhere")
    told = f"{folder} : the folder is missing [sources, metrics, experiments, environments]"
    assert told in conf.told(env=None)
    (conf.directory / folder).mkdir()
    (conf.directory / folder / "notes.md").touch()
    assert f"{folder} : the folder holds no .yaml file" in conf.told(env=None)


def test_folders_inside_folders_are_refused_and_hidden_ones_left_alone(conf: Conf) -> None:
    (conf.directory / "metrics" / ".cache").mkdir()
    assert conf.load()
    conf.write("metrics/more/a.yaml", METRICS)
    assert conf.told() == ["metrics/more : folders inside metrics are not read: move the files up"]


def test_an_environment_with_two_files(conf: Conf) -> None:
    conf.write("environments/local.yml", ENVIRONMENT)
    assert conf.told() == [
        "environments/local.yaml : the environment has two files",
        "environments/local.yml : the environment has two files",
    ]


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("metrics/a.yaml", "", "metrics/a.yaml : the file is empty"),
        ("metrics/a.yaml", "~\n", "metrics/a.yaml:1 : the file is empty"),
        ("metrics/a.yaml", "- 1\n", "metrics/a.yaml:1 : must be a mapping [metrics]"),
        (
            "sources/a.yaml",
            "{}\n",
            "sources/a.yaml:1 : must be a mapping [exposures and events and dimensions]",
        ),
        (
            "experiments/a.yaml",
            "just text\n",
            "experiments/a.yaml:1  = just text: must be a mapping of key: value",
        ),
        (
            "metrics/a.yaml",
            "metric: []\n",
            "metrics/a.yaml:1 metric: unknown key; did you mean 'metrics'? [metrics]",
        ),
        ("environments/local.yaml", "", "environments/local.yaml : the file is empty"),
        ("environments/local.yaml", "- 1\n", "environments/local.yaml:1 : must be a mapping of key: value"),
    ],
)
def test_a_file_without_the_expected_content(conf: Conf, name: str, text: str, told: str) -> None:
    conf.write(name, text)
    assert conf.told() == [told]


def test_names_are_used_once_across_files_and_source_kinds(conf: Conf) -> None:
    conf.write(SHOP, METRICS.replace("    source: orders", "    source: orders"))
    conf.write(
        "metrics/twice.yaml", "metrics:\n" + METRICS.split("metrics:\n")[1].split("  - name: revenue")[0]
    )
    conf.write("experiments/zebra.yaml", EXPERIMENT)
    conf.edit(
        WEB, "events:\n", "events:\n  - {name: shown, format: json, path: a, columns: {unit: u, time: t}}\n"
    )
    assert [told.replace(f"{conf.directory}/", "") for told in conf.told()] == [
        "experiments/zebra.yaml:1 id = button: is already used in experiments/button.yaml:1",
        "metrics/twice.yaml:2 metrics[0].name = conversion: is already used in metrics/shop.yaml:2",
        "sources/web.yaml:10 events[0].name = shown: is already used in sources/web.yaml:2",
    ]


def test_a_source_without_experiment_column_serves_one_experiment(conf: Conf) -> None:
    conf.edit(WEB, "experiment: exp, ", "")
    assert conf.load()
    conf.write(
        "experiments/more.yaml", "experiments:\n- " + EXPERIMENT.replace("\n", "\n  ").replace("button", "b")
    )
    assert conf.told() == [
        "experiments/more.yaml:7 experiments[0].exposures = shown: 'button' uses this source too, and it maps no"
        " experiment column [map columns.experiment in the source, or a source for each experiment]"
    ]
    conf.write(WEB, SOURCES)
    assert list(conf.load().experiments) == ["button", "b"]


def test_variables_are_expanded_in_every_value_and_shown_as_written(conf: Conf) -> None:
    conf.edit(WEB, "path: raw/shown", "path: ${BUCKET}/shown\n    time_zone: ${ZONE:-Europe/Paris}")
    conf.edit(SHOP, "event = 'purchase'", "event = '$${KIND} ${KIND}'")
    project = conf.load(environ={"BUCKET": "s3://b", "KIND": "buy"})
    assert project.exposures["shown"].path == "s3://b/shown"
    assert project.exposures["shown"].time_zone == "Europe/Paris"
    assert project.metrics["conversion"].where == "event = '${KIND} buy'"
    assert conf.told(environ={"BUCKET": "s3://b", "KIND": "x", "ZONE": "top-secret"}) == [
        f"{WEB}:5 exposures[0].time_zone = ${{ZONE:-Europe/Paris}}: is no IANA time zone, as Europe/Berlin or UTC are"
    ]


def test_an_unset_variable_is_one_fault_whatever_the_key_allows(conf: Conf) -> None:
    conf.edit(WEB, "path: raw/shown", "path: raw/shown\n    time_zone: ${ZONE}")
    (told,) = conf.told()
    assert told.startswith(
        f"{WEB}:5 exposures[0].time_zone = ${{ZONE}}: the environment variable ZONE is not set"
    )


@pytest.mark.parametrize(
    ("written", "resolved"),
    [
        ("s3://b/x", "s3://b/x"),
        ("dbfs:/x", "dbfs:/x"),
        ("/x/y", "/x/y"),
        ("../x", "{up}/x"),
        ("./a/", "{root}/a"),
    ],
)
def test_relative_paths_start_at_the_project_directory(conf: Conf, written: str, resolved: str) -> None:
    conf.edit(WEB, "raw/shown", written)
    conf.write(LOCAL, f"lake: {{path: {written}}}\n")
    root = conf.directory.parent
    wanted = resolved.format(root=root, up=root.parent)
    project = conf.load()
    assert project.exposures["shown"].path == wanted
    assert project.environment is not None
    assert project.environment.lake.path == wanted


def test_files_are_named_from_the_working_directory(conf: Conf, monkeypatch: pytest.MonkeyPatch) -> None:
    conf.edit(BUTTON, "control: grey", "control: x")
    monkeypatch.chdir(conf.directory.parent)
    assert [fault.file for fault in conf.faults()] == ["conf/experiments/button.yaml"]


HASHED_EDITS = [
    (WEB, "country, platform", "platform, country"),
    (WEB, "filter: not is_bot", "filter: is_bot"),
    (WEB, "raw/shown", "raw/seen"),
    (WEB, "pieces: int", "pieces: bigint"),
    (SHOP, "value: value * pieces", "value: value"),
    (SHOP, "{start: 1h, end: 14d}", "{start: 1h, end: 13d}"),
    (BUTTON, "weight: 0.4}, {key: green, weight: 0.6", "weight: 0.6}, {key: green, weight: 0.4"),
    (BUTTON, "[{key: grey, weight: 0.4}, {key: green, weight: 0.6}]",
     "[{key: green, weight: 0.6}, {key: grey, weight: 0.4}]"),
    (BUTTON, "end: 2026-03-15T00:00:00Z", "end: 2026-03-16T00:00:00Z"),
    (BUTTON, "relative: 0.05", "absolute: 0.05"),
    (BUTTON, "control: grey", "control: grey\nassignment: {scheme: sha256, salt: s}"),
]  # fmt: skip


@pytest.mark.parametrize(("file", "old", "new"), HASHED_EDITS)
def test_the_hash_follows_the_configuration(conf: Conf, file: str, old: str, new: str) -> None:
    before = conf.load().configuration_hash(["button"])
    conf.edit(file, old, new)
    assert conf.load().configuration_hash(["button"]) != before


def test_the_hash_follows_the_source_of_forced_units(conf: Conf) -> None:
    columns = "{unit: u, variant: arm, time: at}"
    listed = f"  - name: forced\n    format: csv\n    path: forced\n    columns: {columns}\nevents:\n"
    conf.edit(WEB, "events:\n", listed)
    conf.edit(
        BUTTON,
        "control: grey",
        "control: grey\nassignment: {scheme: sha256, salt: s, overrides: {source: forced}}",
    )
    before = conf.load().configuration_hash(["button"])
    conf.edit(WEB, "variant: arm, time: at}\nevents", "variant: armed, time: at}\nevents")
    assert conf.load().configuration_hash(["button"]) != before


def test_a_secret_has_to_be_long_and_is_told_by_its_variables_name(conf: Conf) -> None:
    conf.write(LOCAL, f"{ENVIRONMENT}pseudonymise: true\npseudonym_key: ${{SECRET}}\n")
    told = "must have at least 32 characters, e.g. those that openssl rand -hex 32 prints"
    assert conf.told(environ={"SECRET": "s" * 31}) == [f"{LOCAL}:3 pseudonym_key = ${{SECRET}}: {told}"]
    assert conf.load("local", {"SECRET": "s" * 32}).pseudonym_key == "s" * 32
    assert conf.load(env=None).pseudonym_key is None


def test_the_hash_follows_the_secret_and_neither_tells_it(conf: Conf) -> None:
    without = conf.load().configuration_hash(["button"])
    conf.write(LOCAL, f"{ENVIRONMENT}pseudonymise: true\npseudonym_key: ${{SECRET}}\n")
    one, other = (conf.load("local", {"SECRET": secret * 32}) for secret in "st")
    assert len({without, *(project.configuration_hash(["button"]) for project in (one, other))}) == 3
    assert one.configuration_hash(["button"]) == conf.load("local", {"SECRET": "s" * 32}).configuration_hash(
        ["button"]
    )
    assert "s" * 32 not in repr(one)


def test_the_hash_ignores_comments_order_files_place_and_other_experiments(
    conf: Conf, tmp_path: Path
) -> None:
    before = conf.load().configuration_hash(["button"])
    other = Conf(tmp_path / "elsewhere" / "conf")
    first, *rest = METRICS.split("metrics:\n")[1].split("  - name: ")[1:]
    other.write("metrics/a.yaml", "metrics:\n" + "".join(f"  - name: {text}" for text in reversed(rest)))
    other.write(SHOP, "# moved\nmetrics:\n  - name: " + first)
    other.edit(BUTTON, "start: 2026-03-01T00:00:00Z", "start: 2026-03-01T01:00:00+01:00  # the same instant")
    other.write("experiments/b.yaml", EXPERIMENT.replace("id: button", "id: b"))
    project = other.load()
    assert project.configuration_hash(["button"]) == before
    assert project.configuration_hash(["b", "button"]) == project.configuration_hash(("button", "b", "b"))
    assert project.configuration_hash(["b"]) != before
    with pytest.raises(UsageError, match=r"(?s)no experiment 'c'.*allowed: b, button"):
        project.configuration_hash(["c"])


def test_importing_the_package_loads_neither_models_nor_parsers() -> None:
    code = (
        "import sys, abspark.config as c; heavy = {'pydantic', 'yaml', 'sqlglot', 'pyspark'} & set(sys.modules);"
        "assert not heavy, heavy; c.load_project; assert 'pyspark' not in sys.modules;"
        "assert 'sqlglot' not in sys.modules; assert set(c.__all__) == set(c._HOMES)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env={**os.environ}, timeout=60)


def test_an_unknown_name_of_the_package() -> None:
    import abspark.config

    with pytest.raises(AttributeError, match=r"module 'abspark.config' has no attribute 'Projekt'"):
        abspark.config.Projekt  # noqa: B018  # the access is what is tested


@pytest.mark.parametrize(
    ("file", "text", "told"),
    [
        (SHOP, METRICS.replace("    kind: mean", "\tkind: mean"),
         f"{SHOP}:8 : not valid YAML: while scanning a plain scalar: found a tab character that violates indentation"
         "; indent with spaces, not with a tab"),
        (SHOP, "", f"{SHOP} : the file is empty"),
        (SHOP, "- conversion\n", f"{SHOP}:1 : must be a mapping [metrics]"),
        (SHOP, "metrics:\n", f"{SHOP}:1 metrics = null: must be a list"),
        (SHOP, METRICS.replace("metrics:", "metric:"),
         f"{SHOP}:1 metric: unknown key; did you mean 'metrics'? [metrics]"),
        (WEB, SOURCES.replace("    format: delta", "\tformat: delta"),
         f"{WEB}:3 : not valid YAML: while scanning a plain scalar: found a tab character that violates indentation"
         "; indent with spaces, not with a tab"),
    ],
)  # fmt: skip
def test_what_a_file_that_cannot_be_read_may_define_is_not_missed(
    conf: Conf, file: str, text: str, told: str
) -> None:
    conf.write("metrics/more.yaml", "metrics:\n  - {name: cheap, extends: revenue, where: value < 5}\n")
    assert conf.load()
    conf.write(file, text)
    assert conf.told() == [told]


def test_a_folder_without_files_is_one_fault(conf: Conf) -> None:
    (conf.directory / SHOP).unlink()
    assert conf.told() == ["metrics : the folder holds no .yaml file"]


def test_attributes_of_a_dimension_that_cannot_be_read_are_not_missed(conf: Conf) -> None:
    conf.edit(
        WEB, "    attributes: [country, platform]\n", "    attributes: [country]\n    dimensions: [users]\n"
    )
    conf.write("sources/users.yaml", "dimensions: {}\n")
    assert conf.told() == ["sources/users.yaml:1 dimensions: must be a list"]


def test_faults_of_whole_files_come_first(conf: Conf) -> None:
    conf.write(SHOP, "")
    conf.edit(BUTTON, "control: grey", "control: gray")
    assert [told.split()[0] for told in conf.told()] == [SHOP, f"{BUTTON}:3"]


def test_the_name_of_an_environment_is_no_key_of_its_file(conf: Conf) -> None:
    keys = "lake, spark, keep_unit_metrics, ledger, pseudonymise, pseudonym_key"
    conf.write(LOCAL, "name: local\nlakes: {path: lake}\n")
    assert conf.told() == [
        f"{LOCAL}:1 lake: is missing [keys path, format, catalog, schema]",
        f"{LOCAL}:1 name: unknown key [{keys}]",
        f"{LOCAL}:2 lakes: unknown key; did you mean 'lake'? [{keys}]",
    ]
