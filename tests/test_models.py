"""The carrier wheel is recognised by hashes, and anything else is refused with what to install."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from polyscribe import models
from polyscribe.domain.errors import EngineFailed, EngineFault


def test_the_networks_of_the_installed_wheel_are_ort_flatbuffers() -> None:
    found = [models.vad_model(), models.segmentation_model(), models.embedding_model()]

    assert [blob[4:8] for blob in found] == [b"ORTM"] * 3


def test_the_speaker_space_of_the_installed_wheel_is_found_whole() -> None:
    found = models.speaker_space()

    assert {name: len(part) for name, part in found.items()} == {
        "mean1": 256 * 8,
        "mean2": 128 * 4,
        "lda": 256 * 128 * 4,
        "mu": 128 * 8,
        "tr": 128 * 128 * 8,
        "psi": 128 * 8,
    }


def test_a_library_without_the_speaker_space_is_refused(tmp_path: Path) -> None:
    (tmp_path / "libmoonshine.so").write_bytes(bytes(1000))

    with pytest.raises(EngineFailed, match="does not hold the speaker space") as caught:
        models.speaker_space(tmp_path)

    assert caught.value.fault is EngineFault.NOT_INSTALLED


@pytest.mark.parametrize("name", sorted(models.ASSETS))
def test_every_asset_of_the_installed_wheel_is_found(name: str) -> None:
    path = models.asset(name)

    assert path.is_file()


def test_a_changed_asset_is_refused_with_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "assets/tiny-en").mkdir(parents=True)
    (tmp_path / "assets/tiny-en/tokenizer.bin").write_bytes(b"another version")

    with pytest.raises(EngineFailed, match="Install moonshine-voice") as caught:
        models.asset("tiny-en/tokenizer.bin", tmp_path)

    assert caught.value.fault is EngineFault.NOT_INSTALLED


def test_a_missing_asset_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EngineFailed, match="is not there") as caught:
        models.asset("tiny-en/tokenizer.bin", tmp_path)

    assert caught.value.fault is EngineFault.NOT_INSTALLED


def test_a_library_without_the_network_is_refused(tmp_path: Path) -> None:
    (tmp_path / "libmoonshine.so").write_bytes(b"\0\0\0\0ORTM" + bytes(1000))

    with pytest.raises(EngineFailed, match="does not hold the Silero VAD network") as caught:
        models.vad_model(tmp_path)

    assert caught.value.fault is EngineFault.NOT_INSTALLED


def test_a_folder_without_the_library_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EngineFailed, match="shared library is not there"):
        models.embedding_model(tmp_path)


def test_the_python_code_of_the_wheel_is_not_imported() -> None:
    code = "import sys; from polyscribe import models; models.vad_model(); print('moonshine_voice' in sys.modules)"

    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert printed.strip() == "False"
