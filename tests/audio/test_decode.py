from __future__ import annotations

import io
import socket
import struct
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import av
import numpy as np
import psutil
import pytest

from audio.sounds import Frames, bursts, encoded, extensible, onsets, saved, tone, wav
from polyscribe.audio.decode import Summary, decode
from polyscribe.domain.errors import SourceFailed, SourceFault

LONG_MS = 8 * 3_600_000


def decoded(path: Path, max_ms: int = LONG_MS) -> tuple[Frames, Summary]:
    with decode(path, max_ms=max_ms) as decoding:
        frames = np.concatenate(list(decoding))
    return frames, decoding.summary


def fault_of(
    path: Path,
    *,
    max_ms: int = LONG_MS,
    max_bytes: int = 1 << 30,
    min_rate_hz: int = 8000,
    formats: frozenset[str] | None = None,
) -> SourceFault:
    def run() -> None:
        with decode(path, max_ms=max_ms, max_bytes=max_bytes, min_rate_hz=min_rate_hz, formats=formats) as decoding:
            list(decoding)

    with pytest.raises(SourceFailed) as failed:
        run()
    assert str(path.parent) not in failed.value.message
    return failed.value.fault


# Limits


def test_samples_of_16_khz_come_out_as_they_went_in(tmp_path: Path) -> None:
    sound = tone(16_000, 3.0, channels=2)

    frames, summary = decoded(saved(tmp_path / "sound", wav(sound, 16_000)))

    assert np.array_equal(frames, sound)
    assert summary == Summary(frames=48_000, lost=(), missing_ms=0)
    assert summary.duration_ms == 3000


def test_sixty_milliseconds_are_enough(tmp_path: Path) -> None:
    frames, _ = decoded(saved(tmp_path / "sound", wav(tone(8000, 0.06), 8000)))

    assert len(frames) == 960


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    assert fault_of(saved(tmp_path / "sound", b"")) is SourceFault.EMPTY


def test_a_header_without_samples_is_no_audio(tmp_path: Path) -> None:
    assert fault_of(saved(tmp_path / "sound", wav(tone(8000, 0.0), 8000))) is SourceFault.NO_AUDIO


def test_a_film_without_sound_is_no_audio(tmp_path: Path) -> None:
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as output:
        stream = output.add_stream("mpeg4", rate=5)
        stream.width = stream.height = 64
        output.mux(stream.encode(av.VideoFrame(64, 64, "yuv420p")))
        output.mux(stream.encode(None))

    assert fault_of(saved(tmp_path / "film", file.getvalue())) is SourceFault.NO_AUDIO


def test_a_file_beyond_the_size_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path / "sound", wav(tone(8000, 1.0), 8000))

    assert fault_of(path, max_bytes=16_043) is SourceFault.TOO_LARGE
    with decode(path, max_ms=LONG_MS, max_bytes=16_044) as decoding:
        assert sum(len(block) for block in decoding) == 16_000


@pytest.mark.parametrize("rate_hz", [4000, 7999])
def test_a_low_rate_is_refused_unless_it_is_allowed(tmp_path: Path, rate_hz: int) -> None:
    path = saved(tmp_path / "sound", wav(tone(rate_hz, 1.0), rate_hz))

    assert fault_of(path) is SourceFault.RATE_TOO_LOW
    with decode(path, max_ms=LONG_MS, min_rate_hz=4000) as decoding:
        assert sum(len(block) for block in decoding) == pytest.approx(16_000, abs=2)


def test_a_high_rate_is_refused(tmp_path: Path) -> None:
    assert fault_of(saved(tmp_path / "sound", wav(tone(200_000, 0.1), 200_000))) is SourceFault.RATE_TOO_HIGH


@pytest.mark.parametrize("channels", [3, 6, 64])
def test_more_than_two_channels_are_refused(tmp_path: Path, channels: int) -> None:
    path = saved(tmp_path / "sound", wav(np.zeros((8000, channels), np.int16), 8000))

    assert fault_of(path) is SourceFault.TOO_MANY_CHANNELS


def test_a_format_that_is_not_allowed_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path / "sound.mp3", wav(tone(8000, 1.0), 8000))

    assert fault_of(path, formats=frozenset({"mp3", "flac"})) is SourceFault.FORMAT_NOT_ALLOWED


def test_what_is_too_long_by_its_header_is_refused_before_any_sound(tmp_path: Path) -> None:
    path = saved(tmp_path / "sound", wav(tone(8000, 10.0), 8000))

    assert fault_of(path, max_ms=5000) is SourceFault.TOO_LONG


def test_what_turns_out_too_long_is_refused_while_decoding(tmp_path: Path) -> None:
    content = encoded(tone(16_000, 10.0), 16_000, "mp3", "libmp3lame", container_options={"write_xing": "0"})

    assert fault_of(saved(tmp_path / "sound", content), max_ms=5000) is SourceFault.TOO_LONG


def test_what_a_codec_adds_is_not_too_long(tmp_path: Path) -> None:
    content = encoded(tone(16_000, 3.0), 16_000, "adts", "aac")

    frames, _ = decoded(saved(tmp_path / "sound", content), max_ms=3000)

    assert len(frames) > 48_000


def test_the_summary_is_not_there_before_the_end(tmp_path: Path) -> None:
    path = saved(tmp_path / "sound", wav(tone(8000, 1.0), 8000))

    with decode(path, max_ms=LONG_MS) as decoding, pytest.raises(ValueError, match="last block"):
        _ = decoding.summary


def test_leaving_early_leaves_no_process(tmp_path: Path) -> None:
    path = saved(tmp_path / "sound", wav(tone(8000, 100.0), 8000))

    with decode(path, max_ms=LONG_MS) as decoding:
        next(iter(decoding))

    nurseries = psutil.Process().children()
    assert [child for nursery in nurseries for child in nursery.children()] == []


def test_several_files_are_decoded_at_once(tmp_path: Path) -> None:
    paths = [saved(tmp_path / str(index), wav(tone(8000, 20.0 + index, 2), 8000)) for index in range(6)]

    with ThreadPoolExecutor(6) as threads:
        lengths = list(threads.map(lambda path: len(decoded(path)[0]), paths))

    assert lengths == [(20 + index) * 16_000 for index in range(6)]


# Lies and damage


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF, 0x7FFFFFFF, 0xFFFFFFFE])
def test_a_wave_file_of_unknown_size_is_read_to_its_end(tmp_path: Path, size: int) -> None:
    sound = tone(16_000, 2.0)

    frames, summary = decoded(saved(tmp_path / "sound", wav(sound, 16_000, data_size=size)))

    assert np.array_equal(frames, sound)
    assert summary.missing_ms == 0


def test_a_cut_wave_file_gives_what_is_there_and_says_what_is_missing(tmp_path: Path) -> None:
    content = wav(tone(8000, 10.0), 8000)

    frames, summary = decoded(saved(tmp_path / "sound", content[: 44 + 64_001]))

    assert len(frames) == 64_000
    assert summary.missing_ms == 6000


@pytest.mark.parametrize(("container", "codec"), [("mp3", "libmp3lame"), ("flac", "flac"), ("aiff", "pcm_s16be")])
def test_a_cut_file_gives_what_is_there(tmp_path: Path, container: str, codec: str) -> None:
    content = encoded(tone(16_000, 20.0), 16_000, container, codec)

    frames, summary = decoded(saved(tmp_path / "sound", content[: len(content) // 2]))

    assert 8.0 < len(frames) / 16_000 < 12.0
    if container != "aiff":
        assert 8_000 < summary.missing_ms < 12_000


@pytest.mark.parametrize(("container", "codec", "rate_hz"), [("ogg", "libopus", 48_000), ("webm", "libopus", 48_000)])
def test_a_cut_stream_gives_what_is_there(tmp_path: Path, container: str, codec: str, rate_hz: int) -> None:
    content = encoded(tone(16_000, 20.0), 16_000, container, codec, encode_hz=rate_hz)

    frames, _ = decoded(saved(tmp_path / "sound", content[: len(content) // 2]))

    assert 5.0 < len(frames) / 16_000 < 15.0


def test_a_length_in_the_header_is_not_believed(tmp_path: Path) -> None:
    content = encoded(tone(16_000, 3.0), 16_000, "webm", "libopus", encode_hz=48_000)
    duration = content.index(b"\x44\x89\x88") + 3
    lie = content[:duration] + struct.pack(">d", 1e11) + content[duration + 8 :]

    frames, summary = decoded(saved(tmp_path / "sound", lie), max_ms=3_600_000)

    assert len(frames) / 16_000 == pytest.approx(3.0, abs=0.05)
    assert summary.missing_ms > 0


def test_damage_in_the_middle_does_not_move_what_follows(tmp_path: Path) -> None:
    at_s = [1.0, 9.0]
    rng = np.random.default_rng(5)
    sound = bursts(16_000, 10.0, at_s) + rng.integers(-200, 200, (160_000, 1)).astype(np.int16)
    content = bytearray(encoded(sound, 16_000, "flac", "flac"))
    middle = len(content) // 2
    content[middle : middle + 20_000] = bytes(20_000)

    frames, summary = decoded(saved(tmp_path / "sound", bytes(content)))

    assert onsets(frames[:, 0]) == pytest.approx(at_s, abs=0.005)
    assert summary.lost
    assert all(4000 < lost.start_ms < lost.end_ms < 8000 for lost in summary.lost)


def test_a_lost_page_of_ogg_does_not_move_what_follows(tmp_path: Path) -> None:
    at_s = [1.0, 9.0]
    content = encoded(bursts(16_000, 10.0, at_s), 16_000, "ogg", "libopus", encode_hz=48_000)
    pages = content.split(b"OggS")
    del pages[len(pages) // 2]

    frames, summary = decoded(saved(tmp_path / "sound", b"OggS".join(pages)))

    assert onsets(frames[:, 0]) == pytest.approx(at_s, abs=0.03)
    assert [lost.reason for lost in summary.lost] == ["missing"]


def test_comfort_noise_of_amr_is_silence_of_its_length(tmp_path: Path) -> None:
    sound = bursts(8000, 2.0, [0.5])
    content = encoded(sound, 8000, "amr", "libopencore_amrnb", bit_rate=12_200)
    head, speech = content[:6], content[6:]
    # RFC 4867 §5.3: frame type 15 is no data, 20 ms of it.
    pause = b"\x7c" * 150

    frames, summary = decoded(saved(tmp_path / "sound", head + speech + pause + speech + pause))

    assert onsets(frames[:, 0]) == pytest.approx([0.505, 5.525], abs=0.01)
    assert summary.duration_ms == pytest.approx(10_040, abs=5)
    assert summary.lost == ()


def test_endless_comfort_noise_is_too_long(tmp_path: Path) -> None:
    content = encoded(tone(8000, 1.0), 8000, "amr", "libopencore_amrnb", bit_rate=12_200)

    assert fault_of(saved(tmp_path / "sound", content + b"\x7c" * 50_000), max_ms=600_000) is SourceFault.TOO_LONG


def test_what_lies_behind_an_mp3_does_not_make_it_long(tmp_path: Path) -> None:
    content = encoded(tone(16_000, 5.0), 16_000, "mp3", "libmp3lame") + bytes(1_000_000)

    frames, _ = decoded(saved(tmp_path / "sound", content), max_ms=10_000)

    assert len(frames) / 16_000 == pytest.approx(5.0, abs=0.1)


def remuxed(content: bytes, at_s: Callable[[float], float]) -> bytes:
    """The same WebM with other times."""
    file = io.BytesIO()
    with av.open(io.BytesIO(content)) as source, av.open(file, "w", format="webm") as output:
        stream = output.add_stream_from_template(source.streams.audio[0])
        for packet in source.demux(source.streams.audio[0]):
            if packet.pts is None:
                continue
            moved = round(at_s(float(packet.pts * packet.time_base)) / packet.time_base)
            packet.pts = packet.dts = moved
            packet.stream = stream
            output.mux(packet)
    return file.getvalue()


def test_a_pause_in_a_live_recording_is_kept(tmp_path: Path) -> None:
    content = encoded(bursts(16_000, 4.0, [0.5, 3.0]), 16_000, "webm", "libopus", encode_hz=48_000)
    muted = remuxed(content, lambda at_s: at_s if at_s < 2.0 else at_s + 60.0)

    frames, summary = decoded(saved(tmp_path / "sound", muted))

    assert onsets(frames[:, 0]) == pytest.approx([0.5, 63.0], abs=0.03)
    assert summary.lost == ()


def test_one_absurd_time_stamp_adds_no_silence(tmp_path: Path) -> None:
    content = encoded(bursts(16_000, 4.0, [0.5, 3.0]), 16_000, "webm", "libopus", encode_hz=48_000)
    wild = remuxed(content, lambda at_s: at_s if at_s < 2.0 else at_s + 1_000_000.0)

    frames, _ = decoded(saved(tmp_path / "sound", wild))

    assert onsets(frames[:, 0]) == pytest.approx([0.5, 3.0], abs=0.03)


def test_rate_and_channels_may_change_on_the_way(tmp_path: Path) -> None:
    narrow = encoded(tone(16_000, 2.0), 16_000, "adts", "aac")
    wide = encoded(tone(44_100, 2.0, channels=2), 44_100, "adts", "aac")

    mono, _ = decoded(saved(tmp_path / "first", narrow + wide))
    stereo, _ = decoded(saved(tmp_path / "second", wide + narrow))

    assert (mono.shape[1], stereo.shape[1]) == (1, 2)
    assert len(mono) / 16_000 == pytest.approx(4.1, abs=0.2)
    assert len(stereo) / 16_000 == pytest.approx(4.1, abs=0.2)


@pytest.mark.parametrize("mask", [0x3, 0x4 | 0x1, 0x4 | 0x8, 0x30, 0x600])
def test_two_channels_are_never_mixed_whatever_they_are_called(tmp_path: Path, mask: int) -> None:
    sound = tone(16_000, 1.0, channels=2)

    frames, _ = decoded(saved(tmp_path / "sound", extensible(sound, 16_000, mask)))

    assert np.array_equal(frames, sound)


@pytest.mark.parametrize("mask", [0x4, 0x1, 0x2, 0x8])
def test_one_channel_keeps_its_level_whatever_it_is_called(tmp_path: Path, mask: int) -> None:
    sound = tone(16_000, 1.0)

    frames, _ = decoded(saved(tmp_path / "sound", extensible(sound, 16_000, mask)))

    assert np.array_equal(frames, sound)


# What is not sound


@pytest.mark.parametrize(
    "content",
    [
        b"<!DOCTYPE html><html><body>404 Not Found</body></html>\n",
        b'{"error": "expired"}',
        b"just some text, not audio\n" * 100,
        b"PK\x03\x04" + bytes(range(256)) * 20,
        b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20,
        b"\xd5" * 20_000,
    ],
)
def test_what_is_not_sound_is_called_so(tmp_path: Path, content: bytes) -> None:
    assert fault_of(saved(tmp_path / "call.wav", content)) is SourceFault.NOT_AUDIO


@pytest.mark.parametrize(
    "content",
    [
        b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0",
        b"fLaC" + bytes(1000),
        b"OggS" + bytes(1000),
        b"\0\0\0\x20ftypM4A \0\0\0\0" + bytes(1000),
        wav(tone(8000, 1.0), 8000, channels=0),
    ],
)
def test_what_cannot_be_decoded_is_corrupt(tmp_path: Path, content: bytes) -> None:
    assert fault_of(saved(tmp_path / "sound", content)) is SourceFault.CORRUPT


@pytest.mark.parametrize(
    "trap",
    [
        "#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\n{url}\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile '{url}'\n",
        "[playlist]\nFile1={url}\nNumberOfEntries=1\n",
        '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration='
        '"PT5S"><Period><AdaptationSet mimeType="audio/mp4"><Representation id="a" bandwidth="1">'
        "<BaseURL>{url}</BaseURL></Representation></AdaptationSet></Period></MPD>",
        "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio {port} RTP/AVP 0\n",
        "WEBVTT\n\n00:00.000 --> 00:01.000\n{url}\n",
    ],
)
@pytest.mark.parametrize("where", ["network", "disk"])
def test_a_file_that_names_another_is_refused_and_nothing_is_opened(tmp_path: Path, trap: str, where: str) -> None:
    bait = saved(tmp_path / "bait.wav", wav(tone(8000, 5.0), 8000))
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0)
        port = server.getsockname()[1]
        url = f"http://127.0.0.1:{port}/bait.wav" if where == "network" else str(bait)
        path = saved(tmp_path / "trap.wav", trap.format(url=url, port=port).encode())

        fault = fault_of(path)

        with pytest.raises(BlockingIOError):
            server.accept()
    assert fault is SourceFault.NOT_AUDIO
