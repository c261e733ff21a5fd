"""Where results go and with what session."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pydantic import Field

from abspark.config.base import ConfigModel, Problem, rule
from abspark.config.values import MIN_KEY_LENGTH, ColumnName, Name, Option, PseudonymKey, Switch, Text


class Lake(ConfigModel):
    """A folder with a table per sub-folder, or a schema of a catalog (Delta)."""

    path: Text | None = Field(default=None, description="folder; relative to the project directory")
    format: Literal["delta", "parquet"] = "delta"
    catalog: ColumnName | None = None
    schema_name: ColumnName | None = Field(default=None, alias="schema")

    @rule("path", "catalog", "schema_name", "format")
    def _one_place(self) -> Iterator[Problem]:
        in_catalog = self.catalog is not None or self.schema_name is not None
        allowed = "{path, format} or {catalog, schema}"
        if (self.path is not None) == in_catalog:
            yield Problem((), "a lake is either a path or a schema of a catalog", allowed)
        elif in_catalog and (self.catalog is None or self.schema_name is None):
            yield Problem((), "catalog and schema belong together", allowed)
        elif in_catalog and "format" in self.model_fields_set:
            yield Problem(("format",), "has no effect with a catalog, whose tables are Delta", allowed)


class SparkSettings(ConfigModel):
    """Session to start; without `master` the one that is there, or what spark-submit says."""

    master: Text | None = None
    conf: dict[str, Option] = Field(default={}, description="Spark settings")


class Environment(ConfigModel):
    """One place to run in. `name` is the file's stem and is not written in the file."""

    name: Name
    lake: Lake
    spark: SparkSettings | None = None
    keep_unit_metrics: Switch = Field(default=False, description="write the table unit_metrics")
    ledger: Literal["rows", "full", "read"] = Field(
        default="rows", description="how exactly dropped rows are counted"
    )
    pseudonymise: Switch = Field(
        default=False, description="write keyed pseudonyms of units in place of their ids"
    )
    pseudonym_key: PseudonymKey | None = Field(
        default=None,
        description=f"secret of the pseudonyms, at least {MIN_KEY_LENGTH} characters, as a variable: ${{NAME}}",
    )

    @rule("pseudonymise", "pseudonym_key")
    def _key_of_pseudonyms(self) -> Iterator[Problem]:
        if self.pseudonymise and self.pseudonym_key is None:
            yield Problem(
                ("pseudonymise",), "pseudonyms need a secret", "pseudonym_key: ${NAME_OF_A_VARIABLE}"
            )
        elif self.pseudonym_key is not None and not self.pseudonymise:
            yield Problem(("pseudonym_key",), "has no effect without pseudonymise: true")
