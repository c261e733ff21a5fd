"""What is said of a lake that can't be read or written, from the text of Spark's error alone."""

from __future__ import annotations

from abspark.storage.lake_faults import as_lake_error


def test_a_folder_needs_a_session_with_deltas_catalog() -> None:
    error = Exception(
        "[UNSUPPORTED_DATASOURCE_FOR_DIRECT_QUERY] Unsupported data source type for direct query on files: delta"
    )
    told = str(as_lake_error(error, "/lake", None))
    assert told.startswith(
        "the lake /lake is Delta in a folder, which needs a session whose own catalog is Delta's"
    )
    assert "spark.sql.catalog.spark_catalog=org.apache.spark.sql.delta.catalog.DeltaCatalog" in told


def test_rows_that_a_table_keeps_by_its_property_are_told_with_the_way_out() -> None:
    error = Exception(
        "[DELTA_CANNOT_MODIFY_APPEND_ONLY] This table is configured to only allow appends. If you would like to permit "
        "updates or deletes, use 'ALTER TABLE null SET TBLPROPERTIES (delta.appendOnly=false)'. SQLSTATE: 42809"
    )
    told = str(as_lake_error(error, "/lake", None))
    assert told.startswith(
        "a table of the lake /lake keeps all its rows: its property delta.appendOnly is true"
    )
    assert "set it to false" in told
