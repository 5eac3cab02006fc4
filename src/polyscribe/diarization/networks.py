"""The two networks of pyannote community-1, cut where work can be shared, as onnxruntime sessions of one thread.

Knows graphs and files; what the numbers mean is known by `voices` and `activity`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as foreign

from polyscribe import models
from polyscribe.domain.errors import EngineFailed, EngineFault

BUILDER = 1
"""Counts up with every change that makes the cut graphs differ."""

Floats = NDArray[np.float32]

_FOREIGN = (
    foreign.EngineError,
    foreign.EPFail,
    foreign.Fail,
    foreign.InvalidArgument,
    foreign.InvalidGraph,
    foreign.InvalidProtobuf,
    foreign.NoModel,
    foreign.NoSuchFile,
    foreign.NotImplemented,
    foreign.RuntimeException,
)


@dataclass(frozen=True, slots=True)
class _Cut:
    """A part of a shipped network, from one tensor to another."""

    source: Callable[[Path | None], bytes]
    given: str
    wanted: str


_CUTS = {
    # The shipped graph ends in a hard decision (ArgMax, OneHot); the cut keeps the probabilities.
    "segmentation": _Cut(models.segmentation_model, "waveforms", "/inner/activation/LogSoftmax_output_0"),
    # The pooling in between is done in numpy, once per voice instead of once per run of the whole network.
    "body": _Cut(models.embedding_model, "fbank", "/resnet/pool/Reshape_output_0"),
    "head": _Cut(models.embedding_model, "/resnet/pool/stats_pool/Squeeze_output_0", "embedding"),
}


@dataclass(frozen=True, slots=True)
class Network:
    """A loaded part with one input and one output; may be run by several threads at once."""

    session: onnxruntime.InferenceSession
    given: str

    def run(self, values: Floats) -> Floats:
        """The output for `values`.

        Raises:
            EngineFailed: INTERNAL, the runtime gave up.
        """
        try:
            result: Floats = self.session.run(None, {self.given: values})[0]
        except _FOREIGN as error:
            raise EngineFailed(EngineFault.INTERNAL, "The runtime of the diarization networks gave up.") from error
        return result


@dataclass(frozen=True, slots=True)
class Networks:
    """`segmentation` (B, 1, 160000) samples -> (B, 589, 7) log-probabilities of the sets of up to two of three voices.

    `body` (B, T, 80) filterbank -> (B, 2560, T / 8) frames; `head` (B, 5120) mean and deviation of frames ->
    (B, 256) embeddings.
    """

    segmentation: Network
    body: Network
    head: Network


def load(models_dir: Path, package: Path | None = None) -> Networks:
    """The networks, cut once and kept in `models_dir`; from the installed wheel unless another `package` is named.

    Raises:
        EngineFailed: NOT_INSTALLED, the wheel that carries them is absent or another version; INTERNAL, the folder
            cannot be written or the runtime refuses a graph.
    """
    return Networks(**{name: _load(name, cut, models_dir, package) for name, cut in _CUTS.items()})


def _load(name: str, cut: _Cut, models_dir: Path, package: Path | None) -> Network:
    blob = cut.source(package)
    path = models_dir / f"community-1-{name}-{hashlib.sha256(blob).hexdigest()[:16]}-v{BUILDER}.onnx"
    try:
        if not path.is_file():
            _build(blob, cut, path)
        return Network(_session(path), cut.given)
    except (OSError, *_FOREIGN) as error:
        raise EngineFailed(EngineFault.INTERNAL, f"The {name} network of the diarizer cannot be prepared.") from error


def _build(blob: bytes, cut: _Cut, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=path.parent, prefix=".community-1-") as folder:
        whole = Path(folder) / "whole.onnx"
        _save_as_onnx(blob, whole)
        part = Path(folder) / "part.onnx"
        onnx.save(_part(onnx.load(whole), cut), part)
        part.replace(path)


def _save_as_onnx(blob: bytes, path: Path) -> None:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.optimized_model_filepath = str(path)
    options.add_session_config_entry("session.load_model_format", "ORT")
    options.add_session_config_entry("session.save_model_format", "ONNX")
    onnxruntime.InferenceSession(blob, options, providers=["CPUExecutionProvider"])


def _session(path: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def _part(model: onnx.ModelProto, cut: _Cut) -> onnx.ModelProto:
    """The nodes between two tensors in the order of their dependence, which the runtime's export does not keep."""
    graph = model.graph
    makers = {output: node for node in graph.node for output in node.output}
    nodes = list(_depending(cut.wanted, cut.given, makers, set()))
    read = {tensor for node in nodes for tensor in _tensors_read(node)}
    _name_subgraphs(nodes)
    part = onnx.helper.make_graph(
        nodes,
        "part",
        [onnx.helper.make_tensor_value_info(cut.given, onnx.TensorProto.FLOAT, None)],
        [onnx.helper.make_tensor_value_info(cut.wanted, onnx.TensorProto.FLOAT, None)],
        [tensor for tensor in graph.initializer if tensor.name in read],
    )
    return onnx.helper.make_model(part, opset_imports=model.opset_import, ir_version=model.ir_version)


def _depending(tensor: str, given: str, makers: dict[str, onnx.NodeProto], seen: set[str]) -> Iterator[onnx.NodeProto]:
    node = makers.get(tensor)
    if tensor == given or node is None or node.output[0] in seen:
        return
    seen.add(node.output[0])
    for read in _tensors_read(node):
        yield from _depending(read, given, makers, seen)
    yield node


def _subgraphs(node: onnx.NodeProto) -> list[Any]:
    return [attribute.g for attribute in node.attribute if attribute.type == onnx.AttributeProto.GRAPH]


def _tensors_read(node: onnx.NodeProto) -> list[str]:
    inside = [name for graph in _subgraphs(node) for inner in graph.node for name in _tensors_read(inner)]
    return [*node.input, *inside]


def _name_subgraphs(nodes: list[onnx.NodeProto]) -> None:
    """The runtime's export leaves the names of branches empty, and its import refuses them so."""
    for node in nodes:
        for index, graph in enumerate(_subgraphs(node)):
            graph.name = graph.name or f"{node.name}-{index}"
