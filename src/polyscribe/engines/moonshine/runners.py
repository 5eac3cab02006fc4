"""Two ways to run tiny-en on one clip: the lean graph, and the shipped files as they are. Samples in, tokens out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from onnxruntime.capi.onnxruntime_pybind11_state import (
    Fail,
    InvalidGraph,
    InvalidProtobuf,
    NoSuchFile,
    RuntimeException,
)

from polyscribe import models
from polyscribe.ports import Samples

ENCODER = "tiny-en/encoder_model.ort"
DECODER = "tiny-en/decoder_model_merged.ort"
"""The shipped files, as `models` names them."""

START, END = 1, 2
"""The tokens that begin and end an utterance."""

MIN_SAMPLES = 1_600
"""Shorter clips are padded: the networks fail below about 1,300 samples."""

UNLOADABLE = (Fail, InvalidGraph, InvalidProtobuf, NoSuchFile, RuntimeException)
"""What onnxruntime raises about a damaged file; the classes have no base of their own."""

_HEADS, _HEAD_WIDTH = 8, 36


@dataclass(frozen=True, slots=True)
class Decoded:
    """Tokens of one clip without END, their probabilities 0–1, and where each looked: (tokens, 32 heads, frames)."""

    tokens: NDArray[np.int64]
    probabilities: NDArray[np.float32]
    attention: NDArray[np.float32] | None
    complete: bool
    """False when the limit came before END."""


class Runner(Protocol):
    """Runs the recogniser on one clip; may be called from several threads at once."""

    def run(self, samples: Samples, limit: int) -> Decoded: ...


class LeanRunner:
    """The lean graph: one call of onnxruntime per clip, which does not hold Python's lock."""

    def __init__(self, graph: Path) -> None:
        options = _options()
        # More would fuse Add and LayerNormalization into a kernel that is slower than the two.
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_BASIC
        self._session = ort.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])

    def run(self, samples: Samples, limit: int) -> Decoded:
        given = {"samples": _padded(samples)[None], "limit": np.array(limit, np.int64)}
        tokens, probabilities, attention = self._session.run(None, given)
        complete = bool(len(tokens)) and int(tokens[-1]) == END
        said = len(tokens) - complete
        return Decoded(tokens[:said], probabilities[:said], attention[:said], complete)


class PlainRunner:
    """The shipped `.ort` files, twice as dear and without attention: for processors on which the lean graph fails."""

    def __init__(self) -> None:
        self._encoder = _shipped(ENCODER)
        self._decoder = _shipped(DECODER)
        self._states = [output.name for output in self._decoder.get_outputs()][1:]

    def run(self, samples: Samples, limit: int) -> Decoded:
        wave = _padded(samples)[None]
        mask = np.ones(wave.shape, np.int64)
        hidden = self._encoder.run(None, {"input_values": wave, "attention_mask": mask})[0]
        past: dict[str, Any] = {name: _empty_state(name) for name in self._states}
        tokens: list[int] = []
        probabilities: list[float] = []
        while len(tokens) < limit and (not tokens or tokens[-1] != END):
            token = np.array([[tokens[-1] if tokens else START]], np.int64)
            given = {"input_ids": token, "encoder_hidden_states": hidden, "encoder_attention_mask": mask}
            given |= {name.replace("present", "past_key_values"): value for name, value in past.items()}
            logits, *states = self._decoder.run(None, {**given, "use_cache_branch": np.array([bool(tokens)])})
            # Keys and values of the encoder come out of the first step only.
            past |= {n: s for n, s in zip(self._states, states, strict=True) if not tokens or ".decoder." in n}
            shares = np.exp(logits[0, -1] - logits[0, -1].max())
            tokens.append(int(shares.argmax()))
            probabilities.append(float(shares.max() / shares.sum()))
        complete = bool(tokens) and tokens[-1] == END
        said = len(tokens) - complete
        return Decoded(np.array(tokens[:said], np.int64), np.array(probabilities[:said], np.float32), None, complete)


def _padded(samples: Samples) -> Samples:
    missing = max(0, MIN_SAMPLES - len(samples))
    return np.pad(samples, (0, missing)) if missing else np.ascontiguousarray(samples, np.float32)


def _empty_state(name: str) -> NDArray[np.float32]:
    return np.zeros((1, _HEADS, 0 if ".decoder." in name else 1, _HEAD_WIDTH), np.float32)


def _shipped(name: str) -> ort.InferenceSession:
    options = _options()
    options.add_session_config_entry("session.load_model_format", "ORT")
    return ort.InferenceSession(str(models.asset(name)), options, providers=["CPUExecutionProvider"])


def _options() -> ort.SessionOptions:
    """One thread per call: the server runs calls side by side, and spinning pools cost twice the time."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return options
