"""What mkdocs does beside the pages in docs/: the reference pages are made from the code at each build."""

from __future__ import annotations

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from reference_commands import commands_page
from reference_configuration import configuration_page
from reference_tables import tables_page

_PAGES = {"configuration.md": configuration_page, "commands.md": commands_page, "tables.md": tables_page}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages."""
    for name, page in _PAGES.items():
        files.append(File.generated(config, name, content=page()))
    return files
