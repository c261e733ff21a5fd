"""Print the committed moments of everyone in a project as JSON."""

from __future__ import annotations

import sys
from pathlib import Path

from abspark.config import load_project
from abspark.queries import rows
from abspark.report.written import as_json
from abspark.storage import open_session, run_settings

if __name__ == "__main__":
    project = load_project(Path(sys.argv[1]), "local")
    assert project.environment is not None
    with open_session(project.environment) as spark, run_settings(spark):
        found = [row for row in rows(spark, project, "moments") if row["segment_name"] is None]
    sys.stdout.write(as_json(found))
