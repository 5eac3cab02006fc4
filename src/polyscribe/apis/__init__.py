"""The public APIs, one folder each, found by looking into this package and the entry points `polyscribe.apis`.

They never import each other. A folder's `__init__` is cheap to import and holds `API`.
"""

from __future__ import annotations

import pkgutil
from importlib import import_module
from importlib.metadata import entry_points

from polyscribe.web.api import Api


def found(strict_limits: bool = False) -> list[Api]:
    """All APIs by name; with the limits of the imitated products when `strict_limits`."""
    names = [f"{__name__}.{module.name}" for module in pkgutil.iter_modules(__path__) if module.ispkg]
    modules = [import_module(name) for name in names]
    modules += [entry.load() for entry in entry_points(group=__name__)]
    declared: list[Api] = [module.API for module in modules]
    return sorted((api.strict() if strict_limits else api for api in declared), key=lambda api: api.name)
