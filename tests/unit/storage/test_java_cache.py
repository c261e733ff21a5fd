"""What is kept on a machine so that Spark starts quicker: where Delta's jars are, and an archive of classes."""

from __future__ import annotations

from pathlib import Path

import pytest

from abspark.storage.class_archive import archive_option, archive_to_make
from abspark.storage.delta_jars import class_path, known_jars, remember_jars

PACKAGES = "io.delta:delta-spark_4.2_2.13:4.4.0"


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "abspark"


@pytest.fixture
def jars(tmp_path: Path) -> list[Path]:
    """As Ivy names them; Spark has another version of one."""
    names = [
        "io.delta_delta-spark_4.2_2.13-4.4.0.jar",
        "org.x_roaring-0.9.25.jar",
        "org.y_zstd-jni-1.5.7-3.jar",
    ]
    made = [tmp_path / "my jars" / name for name in names]
    made[0].parent.mkdir()
    for jar in made:
        jar.touch()
    (tmp_path / "spark").mkdir()
    for name in ("roaring-1.3.0.jar", "zstd-jni-1.5.6-9.jar", "zstd-1.0.jar"):
        (tmp_path / "spark" / name).touch()
    return made


def test_jars_that_spark_lacks_are_remembered_by_package(tmp_path: Path, jars: list[Path]) -> None:
    assert known_jars(PACKAGES) is None
    remember_jars(PACKAGES, ",".join(jar.as_uri() for jar in jars), tmp_path / "spark")
    assert known_jars(PACKAGES) == (str(jars[0]),)
    assert known_jars("io.delta:delta-spark_4.2_2.13:4.5.0") is None
    assert class_path(["/a.jar", "/b.jar"]) == "/a.jar:/b.jar"


def test_a_jar_that_is_gone_is_looked_up_again(tmp_path: Path, jars: list[Path]) -> None:
    remember_jars(PACKAGES, jars[0].as_uri(), tmp_path / "spark")
    jars[0].unlink()
    assert known_jars(PACKAGES) is None


@pytest.mark.parametrize("content", ["", "{", "[]", '{"io.delta:delta-spark_4.2_2.13:4.4.0": 3}'])
def test_a_damaged_memory_is_none(cache: Path, content: str) -> None:
    cache.mkdir(parents=True)
    (cache / "jars.json").write_text(content)
    assert known_jars(PACKAGES) is None


def test_a_cache_that_cannot_be_written_is_no_fault(tmp_path: Path, jars: list[Path]) -> None:
    (tmp_path / "cache").write_text("a file")
    remember_jars(PACKAGES, jars[0].as_uri(), tmp_path / "spark")
    assert known_jars(PACKAGES) is None
    assert archive_to_make("/a.jar") is None


def test_an_archive_is_of_one_class_path_and_made_once(cache: Path) -> None:
    assert archive_option("/a.jar") == ""
    made = archive_to_make("/a.jar")
    assert made is not None
    draft = Path(made.option.removeprefix("-XX:ArchiveClassesAtExit="))
    made.keep()  # Java left none
    assert archive_option("/a.jar") == ""
    draft.write_bytes(b"classes")
    made.keep()
    (archive,) = cache.glob("*.jsa")
    assert archive_option("/a.jar") == f"-XX:SharedArchiveFile={archive}"
    assert archive_option("/b.jar") == ""
    assert archive_to_make("/a.jar") is None
    assert archive_to_make("/b.jar") is not None
