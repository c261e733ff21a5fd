"""Spark sessions: one of our own on a laptop, the one that is there on a cluster."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from pyspark.sql import SparkSession

from abspark.config import Environment
from abspark.errors import AbsparkError
from abspark.storage.conditions import first_line
from abspark.storage.java import old_java_error, require_java

_GIBIBYTE: Final = 1024**3
_LITTLE: Final = 64 * 1024**2
_RUN_SETTINGS: Final = {
    "spark.sql.session.timeZone": "UTC",
    # what can fail in an expression becomes NULL and is counted; ANSI mode would end the run instead
    "spark.sql.ansi.enabled": "false",
    # a folder named experiment=007 means the text 007
    "spark.sql.sources.partitionColumnTypeInference.enabled": "false",
}
_DELTA_SETTINGS: Final = {
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
}


@contextmanager
def open_session(environment: Environment, *, input_bytes: int | None = None) -> Iterator[SparkSession]:
    """The session of an environment; stopped at the end only if it was started here.

    `input_bytes` says how much is going to be read, None where that is not known.

    With `spark.master`, a session is started: Delta configured where its package is installed, and tuned
    for one machine where the master is local. Without, the session that is there is taken as it is. The
    environment's own `conf` wins over everything set here. What the Java process prints goes to a log file,
    which is named in a note of any unforeseen exception and removed otherwise.

    Raises:
        AbsparkError: Java is missing or too old, or Spark does not start.
    """
    wanted = environment.spark
    conf = wanted.conf if wanted else {}
    if wanted is None or wanted.master is None:
        yield _with_conf(SparkSession.builder, conf).getOrCreate()
    elif wanted.master.startswith("sc://"):
        session = _with_conf(SparkSession.builder.remote(wanted.master), conf).create()
        try:
            yield session
        finally:
            session.stop()
    elif _running_here():
        yield _with_conf(SparkSession.builder.master(wanted.master), conf).getOrCreate()
    else:
        yield from _own_session(wanted.master, {**local_settings(wanted.master, input_bytes), **conf})


@contextmanager
def utc_session(spark: SparkSession) -> Iterator[None]:
    """Within it the time zone is UTC, ANSI is off and partition folders are text; restored at the end."""
    before = {key: spark.conf.get(key, None) for key in _RUN_SETTINGS}
    for key, value in _RUN_SETTINGS.items():
        spark.conf.set(key, value)
    try:
        yield
    finally:
        for key, old in before.items():
            if old is None:
                spark.conf.unset(key)
            else:
                spark.conf.set(key, old)


def local_settings(master: str, input_bytes: int | None = None) -> dict[str, str]:
    """Settings that make Spark quick on one machine; none for any other master.

    A run over little data is mostly Java warming up: there a small heap and a quick compiler save half of the time
    and of the memory. Over much data the thorough compiler pays.
    """
    if not master.startswith("local[") and master != "local":
        return {}
    little = input_bytes is not None and input_bytes < _LITTLE
    return {
        "spark.driver.memory": "2g" if little else f"{_driver_gibibytes()}g",
        "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
        if little
        else "-XX:+UseParallelGC",
        "spark.driver.host": "localhost",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.log.level": "WARN",
        # adaptive execution merges what is too many of these, and splits nothing that is too few
        "spark.sql.shuffle.partitions": str(max(8, 4 * (os.cpu_count() or 1))),
        "spark.databricks.delta.snapshotPartitions": "1",
    }


def _own_session(master: str, conf: Mapping[str, str]) -> Iterator[SparkSession]:
    require_java()
    handle, log = tempfile.mkstemp(prefix="abspark-spark-", suffix=".log")
    os.close(handle)
    session = _started(master, conf, log)
    try:
        yield session
    except AbsparkError:
        raise
    except Exception as error:
        error.add_note(f"What Spark's Java process said is in {log}")
        log = ""
        raise
    finally:
        session.stop()
        if log:
            Path(log).unlink(missing_ok=True)


def _started(master: str, conf: Mapping[str, str], log: str) -> SparkSession:
    builder = SparkSession.builder.appName("abspark").master(master)
    builder = _with_conf(_with_delta(builder, conf), conf)
    try:
        with _output_to(log):
            return builder.getOrCreate()
    except Exception as error:  # pyspark's traceback says less than Java's own words
        raise old_java_error() or _start_error(error, Path(log)) from None


def _start_error(error: Exception, log: Path) -> AbsparkError:
    said = log.read_text(errors="replace")
    if "unresolved dependenc" in said.lower():
        return AbsparkError(
            "Spark did not start: the jars of Delta could not be fetched.",
            advice="connect this machine to Maven Central once, or name local jars as spark.jars in the "
            f"environment's spark.conf; Spark's own words are in {log}",
        )
    wrong = [line for line in said.splitlines() if "Exception" in line or "Error" in line]
    reason = wrong[-1].strip()[:300] if wrong else first_line(error)
    return AbsparkError(
        f"Spark did not start: {reason}", advice=f"see {log} and the environment's spark.conf"
    )


def _with_delta(builder: SparkSession.Builder, conf: Mapping[str, str]) -> SparkSession.Builder:
    """Delta, where its package is installed; its jar is fetched unless the conf says where jars come from."""
    if find_spec("delta") is None:
        return builder
    builder = _with_conf(builder, _DELTA_SETTINGS)
    if "spark.jars.packages" in conf or "spark.jars" in conf:
        return builder
    from delta import configure_spark_with_delta_pip

    return configure_spark_with_delta_pip(builder)


def _with_conf(builder: SparkSession.Builder, conf: Mapping[str, str]) -> SparkSession.Builder:
    for key, value in conf.items():
        builder = builder.config(key, value)
    return builder


def _running_here() -> bool:
    """Whether this process has a Java or session already: by spark-submit, a notebook or an earlier call."""
    return "PYSPARK_GATEWAY_PORT" in os.environ or SparkSession.getActiveSession() is not None


def _driver_gibibytes() -> int:
    """Half of what this machine (or container) has, between 1 and 12."""
    try:
        have = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        have = 8 * _GIBIBYTE
    limit = Path("/sys/fs/cgroup/memory.max")
    said = limit.read_text().strip() if limit.is_file() else "max"
    if said.isdigit():
        have = min(have, int(said))
    return max(1, min(12, have // 2 // _GIBIBYTE))


@contextmanager
def _output_to(log: str) -> Iterator[None]:
    """Let processes started within it write to the log: Java's and Ivy's words are not for the terminal."""
    sys.stdout.flush()
    sys.stderr.flush()
    kept = os.dup(1), os.dup(2)
    with open(log, "ab") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    try:
        yield
    finally:
        for number, old in enumerate(kept, start=1):
            os.dup2(old, number)
            os.close(old)
