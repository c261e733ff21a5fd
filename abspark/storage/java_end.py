"""The end of Spark's Java process while Python still needs it: it was killed, or ran out of memory."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from pyspark import SparkContext
from pyspark.sql import SparkSession

from abspark.errors import AbsparkError

ENDED: Final = "Spark's Java process has ended"
_PATIENCE: Final = 5.0
"""Seconds to wait for an answer; a process that is gone is found out at once."""


def java_has_ended(spark: SparkSession) -> bool:
    """Whether nobody listens any more where Python speaks to the session's Java; False over Spark Connect.

    The exception at hand doesn't tell: what meets the broken connection first is raised as an error of Java's.
    """
    try:
        gateway: Any = spark.sparkContext._gateway
        java = gateway.gateway_parameters
        socket.create_connection((java.address, java.port), _PATIENCE).close()
    except ConnectionRefusedError:
        return True
    except Exception:
        return False
    return False


def java_ended(log: str | None = None) -> AbsparkError:
    """What to say of it; `log` is the file with what Java said."""
    last_words = f"; what it said is in {log}" if log else ""
    return AbsparkError(
        f"{ENDED} before its work was done: it was killed, or ran out of memory{last_words}. "
        "What was committed before still counts.",
        advice="run again; where Java's memory was too little, with a greater spark.driver.memory (spark.conf of the "
        "environment), and where the machine's was, which Java has no time to say, with a smaller one or on a larger "
        "machine",
    )


@contextmanager
def end_of_java_told(spark: SparkSession) -> Iterator[None]:
    """Within it, whatever comes of the end of the session's Java is raised as that.

    Raises:
        AbsparkError: Java has ended.
    """
    try:
        yield
    except AbsparkError:
        raise
    except Exception as error:
        if java_has_ended(spark):
            raise java_ended() from error
        raise


def let_go(spark: SparkSession) -> None:
    """Have Python forget a session whose Java has ended, so that another can be started."""
    context: Any = spark.sparkContext
    context._jsc = None  # else it would ask Java to stop
    context.stop()
    python: Any = SparkContext
    python._gateway = python._jvm = None
    sessions: Any = SparkSession
    sessions._instantiatedSession = sessions._activeSession = None
