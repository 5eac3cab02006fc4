"""Where the bundled networks come from: the wheel `moonshine-voice` 0.0.73, of which only the files are used.

Knows places and hashes, not how a network is run. The wheel's Python code is never imported: it opens a sound card.
"""

from __future__ import annotations

import hashlib
import mmap
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from polyscribe.domain.errors import EngineFailed, EngineFault

if TYPE_CHECKING:
    import onnx

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
    """Bytes inside the wheel's shared library, the same on every platform; `mark` stands `mark_at` bytes inside.

    A network is an ORT flatbuffer, which carries its mark four bytes after its start and does not say how long it is.
    """

    name: str
    size_bytes: int
    sha256: str
    mark: bytes = b"ORTM"
    mark_at: int = 4


_VAD = _Blob("Silero VAD network", 2_421_272, "a620103ef77fbdae23c7798b9271506a48a883997e55f851d2884551e0947437")
_SEGMENTATION = _Blob(
    "segmentation network", 1_594_080, "9715e3996ef181252aa1cc0c9398060f42b2c984c2fb65e3604262555e2efb1a"
)
_EMBEDDING = _Blob("embedding network", 6_975_920, "6e4af7d49562e6e7042672e444d6394935cb2c23c3a7dd4919da45922b91735b")
_SPEAKER_SPACE = {
    name: _Blob(f"speaker space ({name})", size_bytes, sha256, bytes.fromhex(mark), 0)
    for name, size_bytes, sha256, mark in (
        ("mean1", 2_048, "4ff32f244658ff69c12b11c19e0f95e4ef8d33f22781f0e2821c4ac986941487", "b471c45a7c0ac0bf"),
        ("mean2", 512, "48cc169ece06780fdc298a3e901f298f35e867bf20a477ccdd96aae4e87a9a02", "606a193f7ce8683f"),
        ("lda", 131_072, "2cabb824db82e3276ff7b782cf17951086f6633436e03ad5b4c4e6c2b5479375", "05b88ebfb26c993f"),
        ("mu", 1_024, "d67b1d54babdfd8c2547b9e5ba96abb30079b5bcc6b4aaa5985e77571537c798", "ee503e8319a3a33f"),
        ("tr", 131_072, "f7acd9020ace3908b7ba37c04091fe0555fff4ed0678647866ce2c67208b76f6", "2d789e32b630fabf"),
        ("psi", 1_024, "72c17389945e40565bd3e07cf529dad328e4f28649b5c286dee92348f623b76b", "3bb8fdefe3e13940"),
    )
}


def vad_model(package: Path | None = None) -> bytes:
    """Silero VAD (MIT), ORT format: `input` (B, 64 + 512), `state` (2, B, 128), `sr` () -> `output`, `stateN`.

    Raises:
        EngineFailed: NOT_INSTALLED, the wheel is absent or another version.
    """
    return _blob(_VAD, package or _installed())


def segmentation_model(package: Path | None = None) -> bytes:
    """pyannote segmentation (CC-BY-4.0), ORT format: `waveforms` (B, 1, 160000) -> `segmentation` (B, 589, 3).

    Raises:
        EngineFailed: NOT_INSTALLED, the wheel is absent or another version.
    """
    return _blob(_SEGMENTATION, package or _installed())


def embedding_model(package: Path | None = None) -> bytes:
    """WeSpeaker ResNet34 (CC-BY-4.0), ORT format: `fbank` (B, T, 80), `weights` (B, T) -> `embedding` (B, 256).

    Raises:
        EngineFailed: NOT_INSTALLED, the wheel is absent or another version.
    """
    return _blob(_EMBEDDING, package or _installed())


def speaker_space(package: Path | None = None) -> dict[str, bytes]:
    """The projection and PLDA of community-1 (CC-BY-4.0), little-endian arrays in row order.

    `mean1` (256) float64, `mean2` (128) float32, `lda` (256, 128) float32; `mu` (128), `tr` (128, 128) and
    `psi` (128) float64.

    Raises:
        EngineFailed: NOT_INSTALLED, the wheel is absent or another version.
    """
    folder = package or _installed()
    return {name: _blob(wanted, folder) for name, wanted in _SPEAKER_SPACE.items()}


@cache
def asset(name: str, package: Path | None = None) -> Path:
    """The checked file `name` (a key of `ASSETS`), of the installed wheel or of another `package` folder.

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


def as_onnx(model: bytes) -> onnx.ModelProto:
    """A model in ORT format as ONNX, with all weights; only onnxruntime reads that format, and it writes the other."""
    import onnx
    import onnxruntime as ort

    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "model.onnx"
        options = ort.SessionOptions()
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.optimized_model_filepath = str(copy)
        options.log_severity_level = 3
        options.add_session_config_entry("session.load_model_format", "ORT")
        options.add_session_config_entry("session.save_model_format", "ONNX")
        ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        return onnx.load(copy)


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
        mark = content.find(wanted.mark)
        while mark >= 0:
            start = mark - wanted.mark_at
            blob = content[max(0, start) : start + wanted.size_bytes]
            if hashlib.sha256(blob).hexdigest() == wanted.sha256:
                return blob
            mark = content.find(wanted.mark, mark + 1)
    raise _missing(f"its shared library does not hold the {wanted.name} of that version")


def _missing(why: str) -> EngineFailed:
    message = f"The bundled models come from {CARRIER}, but {why}. Install {CARRIER}."
    return EngineFailed(EngineFault.NOT_INSTALLED, message)
