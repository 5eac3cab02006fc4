"""Who spoke: implementations of the port `Diarizer`. Cheap to import; the networks are read by `load`."""

from __future__ import annotations

from pathlib import Path

from polyscribe.ports import Diarizer


def load(models_dir: Path) -> Diarizer:
    """The bundled diarizer; what it builds once is kept in `models_dir`. Serves several threads at once.

    Raises:
        EngineFailed: NOT_INSTALLED, the wheel that carries the networks is absent or another version; INTERNAL, the
            folder cannot be written or the runtime refuses a network.
    """
    from polyscribe.diarization.community import Community

    return Community(models_dir)
