"""The shipped networks are cut once, give what the whole ones give, and unknown ones are refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from polyscribe import models
from polyscribe.diarization import activity, clustering, networks
from polyscribe.diarization.voices import Voices, filterbank
from polyscribe.domain.errors import EngineFailed, EngineFault
from polyscribe.ports import Samples
from voices import Memory


def whole(blob: bytes) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(blob, options, providers=["CPUExecutionProvider"])


@pytest.fixture(scope="module")
def loaded(models_dir: Path) -> networks.Networks:
    return networks.load(models_dir)


def test_the_cut_segmentation_decides_like_the_whole_one(loaded: networks.Networks, reader: Samples) -> None:
    window = reader[None, None, :160_000]

    decided = activity.decisions(loaded.segmentation.run(window)[0])

    expected = whole(models.segmentation_model()).run(None, {"waveforms": window})[0][0]
    assert (decided == expected).mean() > 0.999


def test_a_print_of_pooled_frames_is_the_embedding_of_the_whole_network(
    loaded: networks.Networks, reader: Samples
) -> None:
    samples = reader[:160_000]
    masks = np.ones((1, activity.FRAMES), np.float32)

    found = Voices(loaded, Memory(samples), 0).prints(0, masks, 160_000)[0]

    bank = filterbank(samples)
    inputs = {"fbank": (bank - bank.mean(axis=0))[None], "weights": masks}
    expected = whole(models.embedding_model()).run(None, inputs)[0][0]
    cosine = found @ expected / np.linalg.norm(found) / np.linalg.norm(expected)
    assert cosine > 0.99


def test_a_mask_that_is_never_on_gives_no_print(loaded: networks.Networks, reader: Samples) -> None:
    masks = np.zeros((2, activity.FRAMES), np.float32)
    masks[1] = 1

    found = Voices(loaded, Memory(reader), 0).prints(0, masks, 160_000)

    assert [bool(row.any()) for row in found] == [False, True]


def test_the_filterbank_has_80_values_every_ten_milliseconds(reader: Samples) -> None:
    assert filterbank(reader[:16_000]).shape == (98, 80)
    assert filterbank(reader[:100]).shape == (0, 80)


def test_what_was_built_once_is_used_again(models_dir: Path, loaded: networks.Networks) -> None:
    before = {path.name: path.stat().st_mtime_ns for path in models_dir.iterdir()}

    networks.load(models_dir)

    assert {path.name: path.stat().st_mtime_ns for path in models_dir.iterdir()} == before
    assert all(f"-v{networks.BUILDER}.onnx" in name for name in before)
    assert len(before) == 3


def test_a_wheel_of_another_version_is_refused_with_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "libmoonshine.so").write_bytes(b"\0\0\0\0ORTM" + bytes(1000))

    with pytest.raises(EngineFailed, match="Install moonshine-voice") as caught:
        networks.load(tmp_path / "models", tmp_path)

    assert caught.value.fault is EngineFault.NOT_INSTALLED


def test_a_wheel_without_the_speaker_space_is_refused(tmp_path: Path) -> None:
    (tmp_path / "libmoonshine.so").write_bytes(bytes(1000))

    with pytest.raises(EngineFailed, match="Install moonshine-voice") as caught:
        clustering.load_space(tmp_path)

    assert caught.value.fault is EngineFault.NOT_INSTALLED


def test_a_folder_that_cannot_be_made_is_our_own_error(tmp_path: Path) -> None:
    (tmp_path / "models").write_text("a file where the folder should be")

    with pytest.raises(EngineFailed, match="cannot be prepared") as caught:
        networks.load(tmp_path / "models")

    assert caught.value.fault is EngineFault.INTERNAL


def test_an_input_of_the_wrong_shape_is_our_own_error(loaded: networks.Networks) -> None:
    with pytest.raises(EngineFailed, match="gave up") as caught:
        loaded.segmentation.run(np.zeros((1, 7), np.float32))

    assert caught.value.fault is EngineFault.INTERNAL
