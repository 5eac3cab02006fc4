"""Voice prints: what the voices of one window sound like, from blocks of sound that are run through the network once.

Windows overlap tenfold, so the network's frames are computed per block, apart from windows, and pooled per voice.
Knows nothing of who is who.
"""

from __future__ import annotations

from collections import OrderedDict

import kaldi_native_fbank as knf
import numpy as np
from numpy.typing import NDArray

from polyscribe.diarization.networks import Floats, Networks
from polyscribe.ports import SAMPLE_RATE_HZ, Samples, Sound

FRAME = 1280
"""Samples from one frame of the embedding network to the next (eight of its filterbank's)."""

_SHIFT = 160
_LENGTH = 400
_FRAME_CENTRE = FRAME // 2 + (_LENGTH - _SHIFT) // 2
_BLOCK_FRAMES = 125
_MARGIN_FRAMES = 12
_BLOCKS_KEPT = 2
_LEVEL = 32_768.0  # kaldi's filterbank expects the range of 16-bit integers


def filterbank(samples: Samples) -> Floats:
    """Kaldi's 80 log mel energies every 10 ms (n, 80), as WeSpeaker was trained on, before the mean is taken away."""
    options = knf.FbankOptions()
    options.frame_opts.dither = 0
    options.frame_opts.window_type = "hamming"
    options.mel_opts.num_bins = 80
    options.use_energy = False
    bank = knf.OnlineFbank(options)
    bank.accept_waveform(SAMPLE_RATE_HZ, (samples * _LEVEL).tolist())
    bank.input_finished()
    if bank.num_frames_ready == 0:
        return np.empty((0, 80), np.float32)
    return np.stack([bank.get_frame(index) for index in range(bank.num_frames_ready)])


class Voices:
    """Prints of the voices of one channel. Holds the frames of two blocks of ten seconds, so ask in order of time."""

    def __init__(self, networks: Networks, sound: Sound, channel: int) -> None:
        self._networks = networks
        self._sound = sound
        self._channel = channel
        self._blocks: OrderedDict[int, Floats] = OrderedDict()

    def prints(self, start: int, masks: Floats, length: int) -> Floats:
        """Embeddings (n, 256) of n voices in the window of `length` samples from `start`.

        `masks` (n, frames) says with 0 or 1 when each is heard, in frames of any rate that fill the window. A mask so
        short that no frame of the network falls on it gives a row of zeros.
        """
        first = -(-max(0, start - _FRAME_CENTRE) // FRAME)
        last = min((start + length - _FRAME_CENTRE) // FRAME, (self._sound.length - _LENGTH) // FRAME)
        if last < first:
            return np.zeros((len(masks), 256), np.float32)
        centres = np.arange(first, last + 1) * FRAME + _FRAME_CENTRE - start
        weights = masks[:, np.minimum(centres * masks.shape[1] // length, masks.shape[1] - 1)]
        frames = self._frames(first, last + 1, weights.max(axis=0) > 0)
        heard = weights.max(axis=1) > 0
        embeddings = np.zeros((len(masks), 256), np.float32)
        if heard.any():
            pooled = np.stack([_pooled(frames, row) for row in weights[heard]])
            embeddings[heard] = self._networks.head.run(pooled)
        return embeddings

    def _frames(self, first: int, stop: int, wanted: NDArray[np.bool_]) -> Floats:
        """Frames (2560, stop - first) of the network; zeros in blocks where none is wanted."""
        parts = []
        for block in range(first // _BLOCK_FRAMES, (stop - 1) // _BLOCK_FRAMES + 1):
            origin = block * _BLOCK_FRAMES
            low, high = max(first, origin), min(stop, origin + _BLOCK_FRAMES)
            if wanted[low - first : high - first].any():
                parts.append(self._block(block)[:, low - origin : high - origin])
            else:
                parts.append(np.zeros((2560, high - low), np.float32))
        return np.concatenate(parts, axis=1)

    def _block(self, block: int) -> Floats:
        if block not in self._blocks:
            self._blocks[block] = self._computed(block)
            while len(self._blocks) > _BLOCKS_KEPT:
                self._blocks.popitem(last=False)
        return self._blocks[block]

    def _computed(self, block: int) -> Floats:
        """The block's frames, computed with a margin on both sides so that its edges know their surroundings."""
        origin = block * _BLOCK_FRAMES
        first = max(0, origin - _MARGIN_FRAMES)
        stop = origin + _BLOCK_FRAMES + _MARGIN_FRAMES
        samples = self._sound.read(self._channel, first * FRAME, stop * FRAME + _LENGTH - _SHIFT)
        # The last frames of a short end are completed with silence rather than lost.
        bank = filterbank(np.pad(samples, (0, _LENGTH)))[: (stop - first) * 8]
        frames = self._networks.body.run((bank - bank.mean(axis=0))[None])[0]
        part: Floats = frames[:, origin - first : origin - first + _BLOCK_FRAMES]
        missing = _BLOCK_FRAMES - part.shape[1]
        return np.pad(part, ((0, 0), (0, missing))) if missing else part


def _pooled(frames: Floats, weights: Floats) -> Floats:
    """Weighted mean and unbiased deviation of each of 2560 values, as WeSpeaker's statistics pooling has them."""
    total = weights.sum() + 1e-8
    mean = frames @ weights / total
    variance = (frames - mean[:, None]) ** 2 @ weights / (total - (weights**2).sum() / total + 1e-8)
    return np.concatenate([mean, np.sqrt(variance)]).astype(np.float32)
