"""Reads the trained numbers of tiny-en out of the shipped `.ort` files. Knows the export, nothing of how to compute."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from polyscribe import models

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Linear:
    """An 8-bit matrix (inputs, outputs) with one scale and zero point: `(values - zero) * scale`."""

    values: NDArray[np.uint8]
    scale: np.float32
    zero: int
    bias: NDArray[np.float32] | None


@dataclass(frozen=True, slots=True)
class Weights:
    """What a network has learnt, by the names of the export: matrices and norms by the output of their node."""

    linears: dict[str, Linear]
    norms: dict[str, NDArray[np.float32]]
    tensors: dict[str, Array]


def read(path: Path) -> Weights:
    """The weights of one `.ort` file, those of nested graphs included."""
    weights = Weights({}, {}, {})
    for graph, visible in _graphs(models.as_onnx(path.read_bytes()).graph, {}):
        weights.tensors.update(visible)
        for node in graph.node:
            match node.op_type:
                case "MatMulIntegerToFloat":
                    weights.linears[node.output[0]] = _linear(visible, node.input[1], node.input[3], node.input[5], "")
                case "DynamicQuantizeMatMul":
                    weights.linears[node.output[0]] = _linear(
                        visible, node.input[1], node.input[2], node.input[3], "".join(node.input[4:])
                    )
                case "LayerNormalization":
                    weights.norms[node.output[0]] = visible[node.input[1]]
                case "SkipLayerNormalization":
                    weights.norms[node.output[0]] = visible[node.input[2]]
                case "DequantizeLinear" if "embed_tokens" in node.output[0]:
                    weights.tensors["embed_scale"] = visible[node.input[1]]
                    weights.tensors["embed_zero"] = visible[node.input[2]]
                case _:
                    pass
    return weights


def _graphs(graph: onnx.GraphProto, outer: dict[str, Array]) -> Iterator[tuple[onnx.GraphProto, dict[str, Array]]]:
    """The graph and those nested in it, each with all tensors that it can see."""
    visible = {**outer, **{tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}}
    yield graph, visible
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                yield from _graphs(attribute.g, visible)


def _linear(tensors: dict[str, Array], values: str, scale: str, zero: str, bias: str) -> Linear:
    return Linear(tensors[values], np.float32(tensors[scale]), int(tensors[zero]), tensors[bias] if bias else None)
