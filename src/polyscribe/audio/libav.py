"""What happens inside the sandbox: FFmpeg, through PyAV, turns one open file into blocks of 16 kHz samples.

Runs only in a confined child and reports by messages; judges nothing that a caller could decide: formats, lengths and
rates are its words, not its rules. PyAV is never imported by the service itself. The `av.subtitles` modules are
imported because PyAV would do so when it opens a file with such a track, where nothing can be imported any more.

Messages: `S` source (JSON), `B` block (interleaved signed 16-bit samples), `E` end (JSON), `F` failed (JSON).
"""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, NoReturn

import av
import av.error
import av.subtitles.codeccontext
import av.subtitles.stream
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet

from polyscribe.audio import headers
from polyscribe.audio.nursery import tell
from polyscribe.audio.timeline import place
from polyscribe.domain.errors import SourceFault

RATE_HZ = 16_000
BLOCK_BYTES = 1 << 17
READ_BYTES = 1 << 17
MOST_CHANNELS = 2
MOST_RATE_HZ = 192_000
MOST_ERRORS = 100_000
MOST_ERRORS_AT_START = 500
MOST_LOST = 1_000

# Demuxers that read one file and open no other; hls, concat, dash, data, image and subtitle formats stay out.
CONTAINERS = (
    "wav,w64,aiff,au,caf,mp3,flac,ogg,matroska,webm,mov,aac,ac3,eac3,amr,amrnb,amrwb,gsm,asf,flv,mpegts,wv,nistsphere"
)
# Also keeps video decoders away from files with pictures.
DECODERS = ",".join(
    sorted(
        {name for name in av.codecs_available if name.startswith(("pcm_", "adpcm_"))}
        | {"g722", "g723_1", "g726", "g726le", "g729", "gsm", "gsm_ms", "ilbc"}
        | {"mp1", "mp1float", "mp2", "mp2float", "mp3", "mp3float", "flac", "alac", "wavpack"}
        | {"vorbis", "libvorbis", "opus", "libopus", "speex", "libspeex"}
        | {"aac", "aac_fixed", "aac_latm", "ac3", "ac3_fixed", "eac3"}
        | {"amrnb", "amrwb", "libopencore_amrnb", "libopencore_amrwb"}
        | {"wmav1", "wmav2", "wmapro", "wmavoice"}
    )
)
OPTIONS = {
    "format_whitelist": CONTAINERS,
    "codec_whitelist": DECODERS,
    "protocol_whitelist": "none",
    "max_size": "65536",
}

# Containers whose time stamps are a clock of their own: a hole in them is silence that nobody sent.
CLOCKED = frozenset({"matroska,webm", "mov,mp4,m4a,3gp,3g2,mj2", "asf", "flv", "mpegts", "amr", "amrnb", "amrwb"})
# Streams of frames without any time: FFmpeg counts, and counts wrongly when the rate changes on the way.
UNTIMED = frozenset({"aac", "ac3", "eac3", "mp3"})
# Containers without a length of their own; FFmpeg guesses it from bit rate and size.
GUESSED = frozenset({"aac", "ac3", "eac3", "amr", "amrnb", "amrwb", "gsm"})
COMFORT_NOISE_BYTES = 7
LONGEST_HOLE_S = 60.0


class Failed(Exception):
    """The file is not what we can decode; `fault` is a SourceFault."""

    def __init__(self, fault: SourceFault, message: str) -> None:
        super().__init__(message)
        self.fault = fault
        self.message = message


@dataclass(frozen=True, slots=True)
class Hole:
    """Packets that gave no sound: damaged, or silence by intent."""

    length_s: float
    is_damage: bool


Timed = tuple[AudioFrame | Hole, float | None, float]
"""A frame or a hole, its start (None: unknown) and its length in seconds."""


class _Tape:
    """The open file as PyAV wants it. It has no name, because FFmpeg takes hints from names."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def read(self, size: int) -> bytes:
        return os.read(self._descriptor, size)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        try:
            return os.lseek(self._descriptor, offset, whence)
        except OSError:
            # A damaged index leads before the beginning; for FFmpeg that is a seek that failed.
            return -1

    def tell(self) -> int:
        return os.lseek(self._descriptor, 0, os.SEEK_CUR)


class _Speaker:
    """Resamples frames and writes them in blocks, counting."""

    def __init__(self, out: int, channels: int) -> None:
        self._out = out
        self._channels = channels
        self._resampler: AudioResampler | None = None
        self._shape: tuple[str, str, int] | None = None
        self._block = bytearray()
        self.frames = 0

    def say(self, frame: AudioFrame) -> bool:
        """Resample a frame; False when it is of a shape that cannot become ours."""
        shape = (frame.format.name, frame.layout.name, frame.sample_rate)
        try:
            if shape != self._shape:
                self._drain()
                self._resampler = _resampler(frame, self._channels)
                self._shape = shape
            if self._resampler is None:
                return False
            for resampled in self._resampler.resample(frame):
                self._add(resampled)
        except av.error.FFmpegError as error:
            if isinstance(error, MemoryError):
                raise
            self._resampler = None
        return self._resampler is not None

    def pause(self, until_s: float) -> tuple[int, int]:
        """Silence after all that was said, up to a place in the whole sound; its first frame and the next after it.

        The place is absolute so that the rounding of many pauses does not add up.
        """
        self._drain()
        start = self.frames
        left = round(until_s * RATE_HZ) - start
        while left > 0:
            count = min(left, RATE_HZ)
            self._put(bytes(count * 2 * self._channels))
            left -= count
        return start, self.frames

    def finish(self) -> None:
        self._drain()
        if self._block:
            tell(self._out, b"B", self._block)

    def _drain(self) -> None:
        if self._resampler is not None:
            for resampled in self._resampler.resample(None):
                self._add(resampled)
        self._resampler = self._shape = None

    def _add(self, frame: AudioFrame) -> None:
        self._put(memoryview(frame.planes[0])[: frame.samples * 2 * self._channels])

    def _put(self, samples: bytes | memoryview) -> None:
        self._block += samples
        self.frames += len(samples) // (2 * self._channels)
        if len(self._block) >= BLOCK_BYTES:
            tell(self._out, b"B", self._block)
            self._block = bytearray()


def _is_sayable(frame: AudioFrame) -> bool:
    return 0 < len(frame.layout.channels) <= MOST_CHANNELS and 0 < frame.sample_rate <= MOST_RATE_HZ


def _resampler(frame: AudioFrame, channels: int) -> AudioResampler | None:
    """From the frame's shape to ours, if there is a way. As long as their number fits, channels are never mixed."""
    if not _is_sayable(frame):
        return None
    is_same = len(frame.layout.channels) == channels
    layout = frame.layout if is_same else ("mono" if channels == 1 else "stereo")
    return AudioResampler(format="s16", layout=layout, rate=RATE_HZ)


class _Track:
    """The audio track of a container as frames with their times; counts what could not be decoded."""

    def __init__(self, container: InputContainer) -> None:
        self._container = container
        self._stream = container.streams.audio[0]
        self._stream.codec_context.thread_count = 1
        self._origin_s = max(container.start_time or 0, 0) / av.time_base
        self.is_clocked = container.format.name in CLOCKED
        self.errors = 0
        self.decoded = 0
        self.broken = False

    def frames(self) -> Iterator[Timed]:
        """Frames and holes, with start (None: unknown) and length in seconds."""
        hole: Hole | None = None
        hole_at: float | None = None
        for packet in self._packets():
            try:
                frames = self._stream.decode(packet)
            except av.error.EOFError:
                continue
            except av.error.FFmpegError as error:
                missing = Hole(self._length_s(packet), self._is_damage(packet, error))
                if hole is not None and hole.is_damage == missing.is_damage and hole.length_s < LONGEST_HOLE_S:
                    hole = Hole(hole.length_s + missing.length_s, hole.is_damage)
                    continue
                if hole is not None:
                    yield hole, hole_at, hole.length_s
                hole, hole_at = missing, self._start_s(packet.pts, packet.time_base)
                continue
            if frames and hole is not None:
                yield hole, hole_at, hole.length_s
                hole = None
            for frame in frames:
                self.decoded += 1
                yield frame, self._start_s(frame.pts, frame.time_base), frame.samples / frame.sample_rate
        if hole is not None:
            yield hole, hole_at, hole.length_s

    def _start_s(self, pts: int | None, time_base: Fraction | None) -> float | None:
        if pts is None or time_base is None or self._container.format.name in UNTIMED:
            return None
        return float(pts * time_base) - self._origin_s

    def _length_s(self, packet: Packet[AudioStream]) -> float:
        """At most ten seconds: no packet of any codec is longer, but a damaged file may say so."""
        return min(float((packet.duration or 0) * packet.time_base), 10.0)

    def _packets(self) -> Iterator[Packet[AudioStream]]:
        """All packets of the track. A container that breaks off ends it; what came before is kept."""
        try:
            yield from self._container.demux(self._stream)
        except av.error.EOFError:
            return
        except (av.error.FFmpegError, IndexError) as error:
            # PyAV ends in an IndexError when a damaged file opens another track on the way.
            if isinstance(error, MemoryError):
                raise
            self.broken = True

    def _is_damage(self, packet: Packet[AudioStream], error: av.error.FFmpegError) -> bool:
        """Whether a packet that was not decoded is damaged; comfort noise of AMR, which FFmpeg cannot make, is not."""
        if isinstance(error, MemoryError):
            raise error
        if self._stream.codec_context.name.startswith("amr") and packet.size <= COMFORT_NOISE_BYTES:
            return False
        self.errors += 1
        if self.errors > (MOST_ERRORS if self.decoded else MOST_ERRORS_AT_START):
            raise Failed(SourceFault.CORRUPT, "The sound cannot be decoded.")
        return True

    def describe(self, first: AudioFrame, head: bytes, size: int) -> dict[str, Any]:
        """Container, codec and what the header says; rate and channels as the first frame has them."""
        return {
            "container": self._container.format.name,
            "codec": self._stream.codec_context.codec.canonical_name,
            "rate_hz": first.sample_rate,
            "channels": len(first.layout.channels),
            "claimed_ms": self._claimed_ms(first, head, size),
        }

    def _claimed_ms(self, first: AudioFrame, head: bytes, size: int) -> int | None:
        """The length that the header gives; None when it gives none and FFmpeg has guessed from the bit rate."""
        name, stream = self._container.format.name, self._stream
        if name in GUESSED:
            return None
        if name == "mp3":
            # FFmpeg mistrusts the count when the file is longer than it should be, and guesses from the bit rate.
            # ISO 11172-3 and 13818-3: a frame of layer III has 1152 samples, at the lower rates half of it.
            frame_s = (1152 if first.sample_rate >= 32_000 else 576) / first.sample_rate
            claimed_s = (headers.counted_frames(head) or 0) * frame_s
        elif stream.duration is not None and stream.time_base is not None:
            claimed_s = float(stream.duration * stream.time_base)
        elif self._container.duration is not None and len(self._container.streams) == 1:
            claimed_s = self._container.duration / av.time_base
        else:
            return None
        # FFmpeg has already cut a RIFF header's promise to the size of the file.
        missing = headers.missing_bytes(head, size)
        if missing and stream.codec_context.bit_rate:
            claimed_s += missing * 8 / stream.codec_context.bit_rate
        return round(claimed_s * 1000) if 0 < claimed_s < 1e9 else None


def _open(source: int, head: bytes) -> InputContainer:
    try:
        return av.open(
            _Tape(source),
            "r",
            options=OPTIONS,
            metadata_errors="replace",
            buffer_size=READ_BYTES,
            io_open=_refuse,
        )
    except av.error.FFmpegError as error:
        if isinstance(error, MemoryError):
            raise
        if headers.is_audio(head):
            raise Failed(SourceFault.CORRUPT, "The file is damaged and cannot be decoded.") from error
        what = "text" if headers.is_text(head) else "not sound in a format that can be read"
        raise Failed(SourceFault.NOT_AUDIO, f"The file is {what}.") from error


def _refuse(url: str, flags: int, options: dict[str, str]) -> NoReturn:
    """No container has reason to open a second file."""
    raise PermissionError


def decode(source: int, out: int, request: dict[str, Any]) -> None:
    """Tell what the file is, and unless the request says `probe`, all of its sound and what was missing in it."""
    try:
        _decode(source, out, only_probe=bool(request.get("probe")))
    except Failed as failure:
        tell(out, b"F", json.dumps({"fault": failure.fault.value, "message": failure.message}).encode())


def _decode(source: int, out: int, *, only_probe: bool) -> None:
    size = os.lseek(source, 0, os.SEEK_END)
    head = os.pread(source, headers.HEAD_BYTES, 0)
    os.lseek(source, 0, os.SEEK_SET)
    container = _open(source, head)
    if container.format.name == "gsm" and not headers.is_gsm(head):
        raise Failed(SourceFault.NOT_AUDIO, "The file is not sound in a format that can be read.")
    if not container.streams.audio:
        raise Failed(SourceFault.NO_AUDIO, "The file has no sound in it.")
    context = container.streams.audio[0].codec_context
    if context is None or context.codec.name not in DECODERS.split(","):
        raise Failed(SourceFault.FORMAT_NOT_ALLOWED, "The sound is in a codec that cannot be read.")
    track = _Track(container)
    frames = track.frames()
    before: list[Timed] = []
    first = _first(frames, before)
    if first is None:
        if track.errors or track.broken:
            raise Failed(SourceFault.CORRUPT, "The sound cannot be decoded.")
        raise Failed(SourceFault.NO_AUDIO, "The file has no sound in it.")
    described = track.describe(first, head, size)
    tell(out, b"S", json.dumps(described).encode())
    if only_probe or not _is_sayable(first):
        return
    speaker = _Speaker(out, described["channels"])
    lost = _speak(speaker, track, itertools.chain(before, frames))
    tell(out, b"E", json.dumps({"frames": speaker.frames, "lost": lost}).encode())


def _first(frames: Iterable[Timed], before: list[Timed]) -> AudioFrame | None:
    """The first frame with sound; it and the holes before it are put into `before`."""
    for each in frames:
        before.append(each)
        if isinstance(each[0], AudioFrame):
            return each[0]
    return None


def _speak(speaker: _Speaker, track: _Track, frames: Iterable[Timed]) -> list[tuple[int, int, str]]:
    """Say all frames at their times; returns the stretches (frames at 16 kHz, reason) that had to be left silent."""
    lost: list[tuple[int, int, str]] = []
    errors = 0
    for has_gap, start_s, frame in place(frames):
        if has_gap:
            start, stop = speaker.pause(start_s)
            if track.errors > errors:
                _mark(lost, start, stop, "undecodable")
            elif start > 0 and not track.is_clocked:
                _mark(lost, start, stop, "missing")
        errors = track.errors
        if isinstance(frame, AudioFrame) and speaker.say(frame):
            continue
        length_s = frame.length_s if isinstance(frame, Hole) else frame.samples / (frame.sample_rate or RATE_HZ)
        start, stop = speaker.pause(start_s + length_s)
        if not isinstance(frame, Hole) or frame.is_damage:
            _mark(lost, start, stop, "undecodable")
    speaker.finish()
    return lost


def _mark(lost: list[tuple[int, int, str]], start: int, stop: int, reason: str) -> None:
    """Add a stretch, joined to the last one if it touches it. Beyond a great number only the last one grows."""
    if start >= stop:
        return
    if lost and (lost[-1][1] >= start or len(lost) >= MOST_LOST):
        lost[-1] = (lost[-1][0], stop, lost[-1][2])
    else:
        lost.append((start, stop, reason))
