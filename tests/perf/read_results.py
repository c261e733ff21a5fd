"""Print the keys of the committed results of a project as JSON."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Final

from abspark.config import load_project
from abspark.queries import rows
from abspark.storage import open_session, run_settings

KEY: Final = (
    "experiment_id",
    "metric",
    "treatment",
    "segment_name",
    "segment_value",
    "method",
    "estimator",
)

if __name__ == "__main__":
    project = load_project(Path(sys.argv[1]), "local")
    assert project.environment is not None
    with open_session(project.environment) as spark, run_settings(spark):
        found = [[row[name] for name in KEY] for row in rows(spark, project, "results")]
    sys.stdout.write(json.dumps(found))
