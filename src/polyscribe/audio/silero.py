"""Silero VAD as a lean graph: many hops in one call. Same weights and arithmetic as the shipped network, which takes
one hop per call and spends most of its time on getting there. Knows nothing of sound beyond one row of samples per hop.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from polyscribe import models

HOP = 512
"""Samples per probability, 32 ms at 16 kHz."""

CONTEXT = 64
"""Samples from before the hop that the network hears too."""

_STATE = 128
_BINS = 129


class Silero:
    """The loaded network; may be called from several threads at once.

    Raises:
        EngineFailed: NOT_INSTALLED, the network is not there.
    """

    def __init__(self) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._session = ort.InferenceSession(_graph(), options, providers=["CPUExecutionProvider"])

    def run(
        self, hops: NDArray[np.float32], state: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Probabilities (n,) of `hops` (n, CONTEXT + HOP) in order, and the state after them; `state` as of `begin`."""
        given = {"hops": hops, "h_before": state[0], "c_before": state[1]}
        probabilities, h, c = self._session.run(None, given)
        return probabilities, np.stack([h, c])


def begin() -> NDArray[np.float32]:
    """The state before the first hop."""
    return np.zeros((2, 1, 1, _STATE), np.float32)


def _weights() -> dict[str, NDArray[np.float32]]:
    """The weights for 16 kHz: those of the first branch, by their names in the original network."""
    from onnx import numpy_helper

    choice = next(node for node in models.as_onnx(models.vad_model()).graph.node if node.op_type == "If")
    branch = next(attribute.g for attribute in choice.attribute if attribute.name == "then_branch")
    return {tensor.name.rpartition("__")[2]: numpy_helper.to_array(tensor) for tensor in branch.initializer}


def _gates(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """From the order of PyTorch (input, forget, cell, output) to that of ONNX (input, output, forget, cell)."""
    into, forget, cell, out = np.split(values, 4)
    return np.concatenate([into, out, forget, cell])


def _graph() -> bytes:
    # `onnx` is slow to import and needed here only.
    from onnx import TensorProto, helper, numpy_helper

    weights = _weights()
    nodes: list[Any] = []
    constants: list[Any] = []

    def constant(name: str, values: NDArray[Any]) -> str:
        constants.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def add(kind: str, inputs: Sequence[str], outputs: str | Sequence[str], **more: Any) -> str:
        outputs = [outputs] if isinstance(outputs, str) else list(outputs)
        nodes.append(helper.make_node(kind, list(inputs), outputs, **more))
        return outputs[0]

    value = add("Pad", ["hops", constant("pads", np.array([0, 0, 0, CONTEXT], np.int64))], "padded", mode="reflect")
    value = add("Unsqueeze", [value, constant("one", np.array([1], np.int64))], "waves")
    value = add("Conv", [value, constant("basis", weights["stft.forward_basis_buffer"])], "spectrum", strides=[128])
    add("Split", [value, constant("bins", np.array([_BINS, _BINS], np.int64))], ["real", "imaginary"], axis=1)
    squares = [add("Mul", [part, part], f"{part}_2") for part in ("real", "imaginary")]
    value = add("Sqrt", [add("Add", squares, "power")], "magnitude")
    for layer, stride in enumerate((1, 2, 2, 1)):
        names = [f"encoder.{layer}.reparam_conv.{part}" for part in ("weight", "bias")]
        inputs = [value, *[constant(name, weights[name]) for name in names]]
        value = add("Relu", [add("Conv", inputs, f"conv{layer}", strides=[stride], pads=[1, 1])], f"relu{layer}")
    # (n, 128, 1) -> (n, 1, 128): the hops are the sequence.
    value = add("Transpose", [value], "sequence", perm=[0, 2, 1])
    matrices = [constant(f"lstm.{part}", _gates(weights[f"decoder.rnn.weight_{part}"])[None]) for part in ("ih", "hh")]
    biases = np.concatenate([_gates(weights[f"decoder.rnn.bias_{part}"]) for part in ("ih", "hh")])[None]
    inputs = [value, *matrices, constant("lstm.bias", biases), "", "h_before", "c_before"]
    add("LSTM", inputs, ["remembered", "h_after", "c_after"], hidden_size=_STATE)
    value = add("Reshape", ["remembered", constant("rows", np.array([-1, _STATE], np.int64))], "flat")
    out = constant("out.weight", weights["decoder.decoder.2.weight"].reshape(_STATE, 1))
    value = add(
        "Gemm",
        [add("Relu", [value], "flat_relu"), out, constant("out.bias", weights["decoder.decoder.2.bias"])],
        "logit",
    )
    value = add("Sigmoid", [value], "share")
    add("Reshape", [value, constant("line", np.array([-1], np.int64))], "probabilities")
    info, number = helper.make_tensor_value_info, TensorProto.FLOAT
    given = [
        info("hops", number, ["n", CONTEXT + HOP]),
        *[info(f"{n}_before", number, [1, 1, _STATE]) for n in ("h", "c")],
    ]
    found = [info("probabilities", number, ["n"]), *[info(f"{n}_after", number, [1, 1, _STATE]) for n in ("h", "c")]]
    graph = helper.make_graph(nodes, "silero", given, found, constants)
    content: bytes = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9
    ).SerializeToString()
    return content
