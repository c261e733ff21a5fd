"""What is given as a session: one, and one that can still work."""

from __future__ import annotations

from pyspark.sql import SparkSession

from abspark.errors import UsageError
from abspark.storage.telemetry import has_stopped


def require_session(spark: SparkSession) -> None:
    """It is a session, classic or of Spark Connect, which has not been stopped.

    Raises:
        UsageError: It is none, or it was stopped.
    """
    if has_stopped(spark):
        raise UsageError(
            "the Spark session has been stopped",
            advice="open another, e.g. open_session(project.environment)",
        )
    if not hasattr(spark, "conf"):
        raise UsageError(
            f"a Spark session is wanted, and not a {type(spark).__name__}",
            allowed="the session that is there, or that of: with open_session(project.environment) as spark",
        )
