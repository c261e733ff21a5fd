"""The public names of the package are what they say, whatever was imported before."""

from __future__ import annotations

import pkgutil

import abspark


def test_no_module_is_called_like_a_public_name() -> None:
    """Importing a submodule makes it an attribute of the package, in place of the public name."""
    modules = {module.name for module in pkgutil.iter_modules(abspark.__path__)}
    assert modules.isdisjoint(abspark.__all__)
