"""Where the bundled networks come from: the wheel `moonshine-voice` 0.0.73, of which only the files are used.

Knows places and hashes, not how a network is run. Nothing of the wheel's Python code is imported (it opens a sound card).
"""

from __future__ import annotations

import hashlib
import mmap
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType

from polyscribe.domain.errors import EngineFailed, EngineFault

CARRIER = "moonshine-voice==0.0.73"
_PACKAGE = "moonshine_voice"
_LIBRARIES = ("libmoonshine.so", "moonshine.dll", "libmoonshine.dll", "libmoonshine.dylib")

ASSETS: Mapping[str, str] = MappingProxyType(
    {
        "tiny-en/encoder_model.ort": "94e90a4654fc45cdfedb77c4c08e1739f48862998e58fada384b25118134f221",
        "tiny-en/decoder_model_merged.ort": "cf524c4862d36e9e5ab032eddc73637efd822d70e868ac575cf1a46e1e4708a0",
        "tiny-en/tokenizer.bin": "6884b35fd6377d4c4d32336a0bc152f36b64d1e45b6503683cdc238250a8472d",
        "beckett.wav": "e5a26b3d29e5b0bc8dbd72c11d16a3808a4ec0ac45b21f12a27d2a2fe5c5ae61",
    }
)
"""SHA-256 of the files that may be asked for, by their name under the wheel's `assets`."""


@dataclass(frozen=True, slots=True)
class _Blob:
    """A network inside the wheel's shared library: an ORT flatbuffer, the same bytes on every platform."""

    name: str
    size_bytes: int
    sha256: str


_VAD = _Blob("Silero VAD", 2_421_272, "a620103ef77fbdae23c7798b9271506a48a883997e55f851d2884551e0947437")
_SEGMENTATION = _Blob("segmentation", 1_594_080, "9715e3996ef181252aa1cc0c9398060f42b2c984c2fb65e3604262555e2efb1a")
_EMBEDDING = _Blob("embedding", 6_975_920, "6e4af7d49562e6e7042672e444d6394935cb2c23c3a7dd4919da45922b91735b")


def vad_model(package: Path | None = None) -> bytes:
    """Silero VAD (MIT) in ORT format: `input` (B, 64 + 512), `state` (2, B, 128), `sr` () -> `output`, `stateN`.

    Raises:
        EngineFailed: NOT_INSTALLED, the wheel is absent or another version.
    """
    return _blob(_VAD, package or _installed())


def segmentation_model(package: Path | None = None) -> bytes:
    """pyannote segmentation (CC-BY-4.0) in ORT format: `waveforms` (B, 1, 160000) -> `segmentation` (B, 589, 3).

    Raises:
        EngineFailed: NOT_INSTALLED, the wheel is absent or another version.
    """
    return _blob(_SEGMENTATION, package or _installed())


def embedding_model(package: Path | None = None) -> bytes:
    """WeSpeaker ResNet34 (CC-BY-4.0) in ORT format: `fbank` (B, T, 80), `weights` (B, T) -> `embedding` (B, 256).

    Raises:
        EngineFailed: NOT_INSTALLED, the wheel is absent or another version.
    """
    return _blob(_EMBEDDING, package or _installed())


@cache
def asset(name: str, package: Path | None = None) -> Path:
    """The checked file `name` (a key of `ASSETS`), of the installed wheel unless another `package` folder is named.

    Raises:
        EngineFailed: NOT_INSTALLED, the wheel is absent or its file is not the one we know.
    """
    path = (package or _installed()) / "assets" / name
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise _missing(f"its file {name} is not there") from error
    if found != ASSETS[name]:
        raise _missing(f"its file {name} is not the one of that version")
    return path


def _installed() -> Path:
    """The package folder, found without importing the package."""
    spec = find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise _missing("it is not installed")
    return Path(spec.origin).parent


def _blob(wanted: _Blob, package: Path) -> bytes:
    library = next((path for name in _LIBRARIES if (path := package / name).is_file()), None)
    if library is None:
        raise _missing("its shared library is not there")
    with library.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        # An ORT flatbuffer carries its mark four bytes after its start and does not say how long it is.
        mark = content.find(b"ORTM")
        while mark >= 4:
            blob = content[mark - 4 : mark - 4 + wanted.size_bytes]
            if hashlib.sha256(blob).hexdigest() == wanted.sha256:
                return blob
            mark = content.find(b"ORTM", mark + 4)
    raise _missing(f"its shared library does not hold the {wanted.name} network of that version")


def _missing(why: str) -> EngineFailed:
    message = f"The bundled models come from {CARRIER}, but {why}. Install {CARRIER}."
    return EngineFailed(EngineFault.NOT_INSTALLED, message)
