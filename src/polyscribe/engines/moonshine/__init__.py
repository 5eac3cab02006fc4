"""The bundled recogniser: moonshine tiny-en, English, from the weights in the wheel `moonshine-voice`."""

from __future__ import annotations

from pathlib import Path

from polyscribe.models import CARRIER
from polyscribe.ports import Abilities, Engine

NAME = "moonshine"
ABILITIES = Abilities(
    languages=frozenset({"en"}), words=True, confidence=True, streaming=False, diarization=False, licence="MIT"
)
NEEDS = ("moonshine_voice", "onnxruntime", "onnx")
INSTALL = CARRIER


def load(models_dir: Path) -> Engine:
    """The engine; its graph is built into `models_dir` the first time (about 2 s).

    Raises:
        EngineFailed: the weights are not installed, or do not recognise a known sound.
    """
    from polyscribe.engines.moonshine.engine import load as load_engine

    return load_engine(models_dir)
