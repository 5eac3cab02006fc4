"""Builds the lean graph once and keeps it in a folder. Knows files and processors, not what the graph computes."""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

from polyscribe import models
from polyscribe.domain.errors import EngineFailed, EngineFault
from polyscribe.engines.moonshine.runners import DECODER, ENCODER

VERSION = 2
"""Counts up with every change that makes the graph differ."""


def graph_file(models_dir: Path) -> Path:
    """The lean graph for this processor in `models_dir`, built when it is not there (about 2 s).

    Its name holds the hash of its sources, so that other weights never meet an old graph. Two processes may build at
    once: each writes its own file, the last one to finish stays, and both are the same.

    Raises:
        EngineFailed: NOT_INSTALLED, the weights are not there; INTERNAL, the graph could not be built.
    """
    signed = has_vnni()
    sources = hashlib.sha256("".join((models.ASSETS[ENCODER], models.ASSETS[DECODER])).encode()).hexdigest()
    path = models_dir / f"tiny-en-{sources[:16]}-{VERSION}-{'int8' if signed else 'uint8'}.onnx"
    if not path.is_file():
        _build_apart(path, signed)
    return path


def _build_apart(path: Path, signed: bool) -> None:
    """In a process of its own, because building takes 150 MB that this one would never give back."""
    for source in (ENCODER, DECODER):
        models.asset(source)
    word = "int8" if signed else "uint8"
    done = subprocess.run([sys.executable, "-m", __name__, str(path), word], check=False, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        raise EngineFailed(EngineFault.INTERNAL, "The graph of the bundled recogniser could not be built.")


def has_vnni() -> bool:
    """Whether 8-bit products are exact and fast with signed weights; without the instruction they can saturate."""
    if platform.machine().lower() in {"aarch64", "arm64"}:
        return True
    try:
        facts = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    flags = {flag for line in facts.splitlines() if line.startswith("flags") for flag in line.split()}
    return not flags.isdisjoint({"avx512_vnni", "avx_vnni"})


def graph(signed: bool) -> bytes:
    """The lean graph with its weights, serialised; `signed` keeps the matrices as int8 instead of uint8."""
    # `onnx` is needed for building only, and costs a third of a second to import.
    from polyscribe.engines.moonshine import graphs, weights

    encoder, decoder = weights.read(models.asset(ENCODER)), weights.read(models.asset(DECODER))
    content: bytes = graphs.recogniser(encoder, decoder, signed).SerializeToString()
    return content


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=path.stem, suffix=".part", delete=False) as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    Path(file.name).replace(path)


if __name__ == "__main__":
    _write(Path(sys.argv[1]), graph(sys.argv[2] == "int8"))
