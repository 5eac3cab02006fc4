"""What an API declares about itself. Cheap to import: routes are built only in `make`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from fastapi import FastAPI

    from polyscribe.domain.transcription import Limits
    from polyscribe.services.app import App, Face


@dataclass(frozen=True, slots=True)
class Api:
    """One public API. A request whose path lies at or below one of `prefixes` is for the application of `make`.

    The application has the full paths and answers in its own shape for every path below its prefixes. `face` is
    what the engine room knows of the API, None when it starts no transcriptions; `strict_limits` are the limits of
    the imitated product, where those of `face` are wider. `scheme` is how its customers say who they are, for the
    documentation.
    """

    name: str
    title: str
    prefixes: tuple[str, ...]
    make: Callable[[App], FastAPI]
    face: Face | None = None
    strict_limits: Limits | None = None
    scheme: Literal["basic", "bearer"] = "basic"

    def strict(self) -> Api:
        """The same API with the limits of the imitated product."""
        if self.face is None or self.strict_limits is None:
            return self
        return replace(self, face=replace(self.face, limits=self.strict_limits))
