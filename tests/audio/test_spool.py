from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from polyscribe.audio.spool import SpoolReader, SpoolWriter
from polyscribe.domain.errors import StoreFailed


def write(path: Path, frames: np.ndarray) -> None:
    with SpoolWriter(path) as writer:
        for start in range(0, len(frames), 1000):
            writer.append(frames[start : start + 1000])


def noise(frames: int, channels: int) -> np.ndarray:
    return np.random.default_rng(1).integers(-32768, 32768, (frames, channels)).astype(np.int16)


@pytest.mark.parametrize("channels", [1, 2])
def test_what_was_written_is_read(tmp_path: Path, channels: int) -> None:
    frames = noise(4321, channels)

    write(tmp_path / "sound", frames)

    with SpoolReader(tmp_path / "sound") as sound:
        assert (sound.channels, sound.length) == (channels, 4321)
        for channel in range(channels):
            assert np.array_equal(sound.read(channel, 0, 4321), frames[:, channel].astype(np.float32) / 32768)


def test_any_part_can_be_read_in_any_order(tmp_path: Path) -> None:
    frames = noise(5000, 2)
    write(tmp_path / "sound", frames)

    with SpoolReader(tmp_path / "sound") as sound:
        late, early = sound.read(1, 4000, 4100), sound.read(0, 10, 20)

    assert np.array_equal(late * 32768, frames[4000:4100, 1])
    assert np.array_equal(early * 32768, frames[10:20, 0])


def test_positions_outside_the_sound_are_cut_off(tmp_path: Path) -> None:
    write(tmp_path / "sound", noise(100, 1))

    with SpoolReader(tmp_path / "sound") as sound:
        assert len(sound.read(0, -50, 10)) == 10
        assert len(sound.read(0, 90, 500)) == 10
        assert len(sound.read(0, 500, 600)) == 0
        assert len(sound.read(0, 60, 40)) == 0


def test_a_channel_that_is_not_there_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "sound", noise(100, 1))

    with SpoolReader(tmp_path / "sound") as sound, pytest.raises(IndexError):
        sound.read(1, 0, 10)


def test_mono_blocks_may_be_flat(tmp_path: Path) -> None:
    with SpoolWriter(tmp_path / "sound") as writer:
        writer.append(np.arange(10, dtype=np.int16))

    with SpoolReader(tmp_path / "sound") as sound:
        assert (sound.channels, sound.length) == (1, 10)


def test_the_number_of_channels_cannot_change(tmp_path: Path) -> None:
    with SpoolWriter(tmp_path / "sound") as writer:
        writer.append(noise(10, 1))

        with pytest.raises(ValueError, match="2 channels after 1"):
            writer.append(noise(10, 2))


def test_a_failed_write_leaves_nothing(tmp_path: Path) -> None:
    def fail() -> None:
        with SpoolWriter(tmp_path / "sound") as writer:
            writer.append(noise(10, 1))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()

    assert list(tmp_path.iterdir()) == []


def test_a_killed_writer_leaves_no_spool(tmp_path: Path) -> None:
    program = (
        "import os, signal, sys, numpy, pathlib\n"
        "from polyscribe.audio.spool import SpoolWriter\n"
        "with SpoolWriter(pathlib.Path(sys.argv[1])) as writer:\n"
        "    writer.append(numpy.zeros((100000, 2), numpy.int16))\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )

    subprocess.run([sys.executable, "-c", program, str(tmp_path / "sound")], check=False)

    (left,) = tmp_path.iterdir()
    with pytest.raises(StoreFailed):
        SpoolReader(tmp_path / "sound")
    with pytest.raises(StoreFailed):
        SpoolReader(left)


@pytest.mark.parametrize("damage", ["header", "cut", "longer"])
def test_a_damaged_spool_is_not_taken_as_whole(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "sound"
    write(path, noise(1000, 2))
    content = bytearray(path.read_bytes())
    match damage:
        case "header":
            content[16] ^= 1
        case "cut":
            content = content[:-1]
        case _:
            content += b"\0"
    path.write_bytes(content)

    with pytest.raises(StoreFailed):
        SpoolReader(path)


def test_another_process_reads_the_same(tmp_path: Path) -> None:
    frames = noise(3000, 2)
    write(tmp_path / "sound", frames)
    program = (
        "import sys, pathlib\n"
        "from polyscribe.audio.spool import SpoolReader\n"
        "with SpoolReader(pathlib.Path(sys.argv[1])) as sound:\n"
        "    print(int((sound.read(1, 1000, 2000) * 32768).sum()))\n"
    )

    told = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "sound")], check=True, capture_output=True, text=True
    )

    assert int(told.stdout) == int(frames[1000:2000, 1].sum())
