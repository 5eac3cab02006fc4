"""Recognisers, one folder each, found by looking into this package and the entry points `polyscribe.engines`.

A folder's `__init__` is cheap to import: it names the engine and what it needs, and imports that only in `load`.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Protocol, cast

from polyscribe.domain.errors import EngineFailed, EngineFault, Unavailable
from polyscribe.ports import Abilities, Engine

BUNDLED = "moonshine"
"""The engine that needs nothing that is not installed with the server."""


class Maker(Protocol):
    """What the module of an engine offers."""

    NAME: str
    ABILITIES: Abilities
    NEEDS: tuple[str, ...]
    """Packages that have to be importable."""
    INSTALL: str
    """What to install for that."""

    def load(self, models_dir: Path) -> Engine:
        """A loaded engine; those of one process share their networks. Raises EngineFailed."""
        ...


@cache
def makers() -> Mapping[str, Maker]:
    """All engines by name, whether what they need is installed or not."""
    names = [f"{__name__}.{module.name}" for module in pkgutil.iter_modules(__path__) if module.ispkg]
    found = [import_module(name) for name in names]
    found += [entry.load() for entry in entry_points(group=__name__)]
    return MappingProxyType({maker.NAME: cast("Maker", maker) for maker in found})


def is_installed(maker: Maker) -> bool:
    """Whether everything that the engine needs can be imported; nothing is imported for the answer."""
    return all(find_spec(need) is not None for need in maker.NEEDS)


def load(name: str, models_dir: Path) -> Engine:
    """The engine `name`.

    Raises:
        Unavailable: there is no engine of that name.
        EngineFailed: NOT_INSTALLED, with what to install; or the engine could not be loaded.
    """
    maker = makers().get(name)
    if maker is None:
        raise Unavailable(f"There is no engine {name!r}; there are: {', '.join(sorted(makers()))}.")
    if not is_installed(maker):
        raise EngineFailed(
            EngineFault.NOT_INSTALLED, f"The engine {name} needs {maker.INSTALL}. Install {maker.INSTALL}."
        )
    return maker.load(models_dir)
