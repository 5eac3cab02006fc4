"""The bare recogniser library (moonshine-voice 0.0.73, its own runtime), driven through its C interface."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

os.environ["MOONSHINE_ORT_SINGLE_THREAD"] = "1"

import moonshine_voice
import numpy as np
from moonshine_voice.moonshine_api import TranscriberOptionC, TranscriptC, _MoonshineLib

from polyscribe.ports import Samples

_FLOATS = ctypes.POINTER(ctypes.c_float)


class Library:
    """One transcriber with voice activity detection on and its audio buffers not copied back."""

    def __init__(self) -> None:
        self._lib = _MoonshineLib().lib
        model = Path(moonshine_voice.__file__).parent / "assets" / "tiny-en"
        options = (TranscriberOptionC * 1)(TranscriberOptionC(b"return_audio_data", b"false"))
        self._handle = self._lib.moonshine_load_transcriber_from_files(str(model).encode(), 0, options, 1, 20_000)
        if self._handle < 0:
            raise RuntimeError(f"the library did not load: {self._handle}")

    def transcribe(self, samples: Samples) -> str:
        """The text of mono samples at 16 kHz."""
        samples = np.ascontiguousarray(samples, np.float32)
        found = ctypes.POINTER(TranscriptC)()
        error = self._lib.moonshine_transcribe_without_streaming(
            self._handle, samples.ctypes.data_as(_FLOATS), len(samples), 16_000, 0, ctypes.byref(found)
        )
        if error:
            return ""
        lines = [found.contents.lines[index].text for index in range(found.contents.line_count)]
        return " ".join(ctypes.string_at(line).decode("utf-8", "replace") for line in lines if line)
