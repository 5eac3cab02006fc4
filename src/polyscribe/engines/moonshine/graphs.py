"""Writes the networks of tiny-en as one lean ONNX graph: the encoder, then the whole greedy decoding as a loop.

Same weights and arithmetic as the shipped export, without its shape arithmetic: an encoder of 93 nodes instead of 582,
a decoder step of 150 instead of about 900. Knows nothing of files, audio or text.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from polyscribe.engines.moonshine.runners import END, START
from polyscribe.engines.moonshine.weights import Linear, Weights

LAYERS = 6
HEADS = 8
HEAD_WIDTH = 36
WIDTH = HEADS * HEAD_WIDTH

LOOKING = range(2, LAYERS)
"""Layers of the decoder whose attention tells when a word was said; the first two look elsewhere."""

_ROTARY_WIDTH = 32
_INNER = 1152
_FRAMES_MAX = 1536
_TOKENS_MAX = 512
_EPSILON = 1e-5
_SCALE = 1 / 6  # 1 / sqrt(HEAD_WIDTH)
_MS = "com.microsoft"
_STATE = [f"{part}{layer}" for layer in range(LAYERS) for part in ("k", "v")]

_EMBEDDING = "embed_tokens.weight_merged_0_quantized"


class _Graph:
    """A graph being written. `add` appends a node and gives the name of its first output."""

    def __init__(self, name: str, signed: bool) -> None:
        self.name = name
        self.signed = signed
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, onnx.TensorProto] = {}

    def constant(self, name: str, values: NDArray[Any]) -> str:
        if name not in self.constants:
            self.constants[name] = numpy_helper.from_array(np.ascontiguousarray(values), name)
        return name

    def integers(self, *values: int) -> str:
        return self.constant("int_" + "_".join(map(str, values)), np.array(values, np.int64))

    def add(
        self, kind: str, inputs: Sequence[str], outputs: str | Sequence[str], *, ms: bool = False, **more: Any
    ) -> str:
        outputs = [outputs] if isinstance(outputs, str) else list(outputs)
        self.nodes.append(helper.make_node(kind, list(inputs), outputs, domain=_MS if ms else "", **more))
        return outputs[0]

    def linear(self, value: str, out: str, *parts: Linear, gain: float = 1.0) -> str:
        """`value` times the matrices side by side, times `gain`; the activations are quantised on the way."""
        wide = np.concatenate([part.values for part in parts], axis=1)
        zeros = np.concatenate([np.full(part.values.shape[1], part.zero) for part in parts])
        scales = np.concatenate([np.full(part.values.shape[1], part.scale * gain, np.float32) for part in parts])
        kind: Any = np.uint8
        if self.signed:  # exact: the same distances from a zero point that moved along
            wide, zeros, kind = wide.astype(np.int16) - 128, zeros - 128, np.int8
        inputs = [value, self.constant(f"{out}.w", wide.astype(kind))]
        inputs.append(self.constant(f"{out}.scale", scales))
        inputs.append(self.constant(f"{out}.zero", zeros.astype(kind)))
        if parts[0].bias is not None:
            inputs.append(self.constant(f"{out}.bias", np.concatenate([_bias(part) for part in parts])))
        return self.add("DynamicQuantizeMatMul", inputs, out, ms=True)

    def rotate(self, value: str, out: str, position: str, length: int) -> str:
        angles = np.arange(length)[:, None] / (10_000 ** (np.arange(0, _ROTARY_WIDTH, 2) / _ROTARY_WIDTH))[None]
        tables = [
            self.constant(name, turn(angles).astype(np.float32)) for name, turn in (("cos", np.cos), ("sin", np.sin))
        ]
        return self.add(
            "RotaryEmbedding",
            [value, position, *tables],
            out,
            ms=True,
            interleaved=1,
            num_heads=HEADS,
            rotary_embedding_dim=_ROTARY_WIDTH,
        )

    def add_and_norm(self, value: str, change: str, norm: NDArray[np.float32], out: str) -> tuple[str, str]:
        """(normalised sum, sum). Two nodes: onnxruntime's fused one is several times slower on a CPU."""
        total = self.add("Add", [value, change], f"{out}.sum")
        return self.norm(total, norm, out), total

    def norm(self, value: str, scale: NDArray[np.float32], out: str) -> str:
        inputs = [value, self.constant(f"{out}.norm", scale)]
        return self.add("LayerNormalization", inputs, out, axis=-1, epsilon=_EPSILON)

    def finish(self, inputs: Sequence[onnx.ValueInfoProto], outputs: Sequence[onnx.ValueInfoProto]) -> onnx.GraphProto:
        return helper.make_graph(self.nodes, self.name, list(inputs), list(outputs), list(self.constants.values()))


def recogniser(encoder: Weights, decoder: Weights, signed: bool) -> onnx.ModelProto:
    """One clip in, its tokens out, in one call; `signed` keeps the matrices as int8 instead of uint8.

    Inputs: `samples` (1, n) at 16 kHz, n >= runners.MIN_SAMPLES; `limit` (), the number of tokens after which to stop.
    Outputs: `tokens` (N,), the last one END unless the limit was reached; `probabilities` (N,) of them;
    `attention` (N, 32, frames): where each token looked, in frames of 24 ms.

    Clips are not put side by side: the group norm of the encoder runs over the whole clip, activations are quantised
    over the whole batch, and a batch of four was measured to cost as much as four single ones.
    """
    graph = _Graph("recogniser", signed)
    _encode(graph, encoder)
    _look_up(graph, decoder)
    graph.constant("nothing", np.zeros((1, HEADS, 0, HEAD_WIDTH), np.float32))
    first = graph.constant("start", np.array([[START]], np.int64))
    states = ["last_token", *[f"last_{name}" for name in _STATE]]
    outputs = [*states, "token_rows", "probability_rows", "attention"]
    body = _decoder_step(decoder, signed)
    graph.add("Loop", ["limit", "", first, *["nothing"] * len(_STATE)], outputs, body=body)
    for name in ("token", "probability"):
        graph.add("Reshape", [f"{name}_rows", graph.integers(-1)], "tokens" if name == "token" else "probabilities")
    info, number, integer = helper.make_tensor_value_info, TensorProto.FLOAT, TensorProto.INT64
    given = [info("samples", number, [1, "samples"]), info("limit", integer, [])]
    found = [info("tokens", integer, ["N"]), info("probabilities", number, ["N"])]
    found.append(info("attention", number, ["N", len(LOOKING) * HEADS, "frames"]))
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid(_MS, 1)]
    return helper.make_model(graph.finish(given, found), opset_imports=opsets, ir_version=9)


def _encode(graph: _Graph, weights: Weights) -> None:
    """`samples` -> `hidden` (1, frames, 288)."""
    value = graph.add("Unsqueeze", ["samples", graph.integers(1)], "wave")
    kernel = graph.constant("conv1.w", weights.tensors["conv1.weight_add_tensor"])
    value = graph.add("Conv", [value, kernel], "conv1", strides=[64])
    value = _group_norm(graph, weights, graph.add("Tanh", [value], "conv1.tanh"))
    value = _convolve(graph, weights, value, "conv2", 3)
    value = _convolve(graph, weights, value, "conv3", 2)
    value = graph.add("Transpose", [value], "frames", perm=[0, 2, 1])
    norm = weights.norms["/layers.0/input_layernorm/LayerNormalization_output_0"]
    ready = graph.norm(value, norm, "e.n0")
    for layer in range(LAYERS):
        value, ready = _encoder_layer(graph, weights, layer, value, ready)
    graph.add("Identity", [ready], "hidden")


def _look_up(graph: _Graph, weights: Weights) -> None:
    """`hidden` -> what each decoder layer looks at: `cross_k…` (1, 8, 36, frames), `cross_v…` (1, 8, frames, 36)."""
    names = [f"/model/decoder/layers.{name[1:]}/encoder_attn/{name[0]}_proj/MatMul_output_0" for name in _STATE]
    graph.linear("hidden", "all", *[weights.linears[name] for name in names])
    graph.add("Split", ["all", graph.integers(*[WIDTH] * len(_STATE))], [f"flat_{name}" for name in _STATE], axis=-1)
    for name in _STATE:
        heads = graph.add("Reshape", [f"flat_{name}", graph.integers(0, 0, HEADS, HEAD_WIDTH)], f"heads_{name}")
        graph.add("Transpose", [heads], f"cross_{name}", perm=[0, 2, 3, 1] if name[0] == "k" else [0, 2, 1, 3])


def _decoder_step(weights: Weights, signed: bool) -> onnx.GraphProto:
    """The body of the loop: one token. `cross_*` come from outside."""
    graph, tensors = _Graph("step", signed), weights.tensors
    graph.add("Reshape", ["turn", graph.integers(1)], "position")
    embedding = graph.constant("embedding", next(t for n, t in tensors.items() if n.endswith(_EMBEDDING)))
    graph.add("Gather", [embedding, "token_in"], "embedded_8", axis=0)
    ranges = [graph.constant(name, tensors[name]) for name in ("embed_scale", "embed_zero")]
    value = graph.add("DequantizeLinear", ["embedded_8", *ranges], "embedded")
    ready = graph.norm(
        value, weights.norms["/model/decoder/layers.0/input_layernorm/LayerNormalization_output_0"], "n0"
    )
    for layer in range(LAYERS):
        value, ready = _decoder_layer(graph, weights, layer, value, ready)
    graph.linear(ready, "logits", weights.linears["logits"])
    graph.add("ArgMax", ["logits"], "token_out", axis=-1, keepdims=0)
    graph.add("Softmax", ["logits"], "shares", axis=-1)
    graph.add("ReduceMax", ["shares", graph.integers(-1)], "probability", keepdims=0)
    graph.add("Concat", [f"{layer}.look" for layer in LOOKING], "looks_4", axis=1)
    graph.add("Reshape", ["looks_4", graph.integers(len(LOOKING) * HEADS, -1)], "looks")
    graph.add("Equal", ["token_out", graph.integers(END)], "ended_2")
    graph.add("Reshape", ["ended_2", graph.constant("scalar", np.zeros(0, np.int64))], "ended")
    graph.add("Not", ["ended"], "go_on")
    graph.add("Identity", ["token_out"], "token_seen")  # a state of the loop cannot be collected too
    return _step_graph(graph)


def _step_graph(graph: _Graph) -> onnx.GraphProto:
    info, number, integer = helper.make_tensor_value_info, TensorProto.FLOAT, TensorProto.INT64
    past = [info(f"past_{name}", number, None) for name in _STATE]
    new = [info(f"new_{name}", number, None) for name in _STATE]
    given = [info("turn", integer, []), info("going", TensorProto.BOOL, []), info("token_in", integer, None), *past]
    found = [info("go_on", TensorProto.BOOL, []), info("token_out", integer, None), *new]
    scans = [info("token_seen", integer, None), info("probability", number, None), info("looks", number, None)]
    return graph.finish(given, [*found, *scans])


def _decoder_layer(graph: _Graph, weights: Weights, layer: int, value: str, ready: str) -> tuple[str, str]:
    """(residual, normalised) after self-attention, cross-attention and the gated feed-forward."""
    place = f"/model/decoder/layers.{layer}"
    value, ready = _self_attention(graph, weights, layer, value, ready)
    # The scale goes into the weights: onnxruntime's fast product of a single row with a matrix knows no factor.
    query = weights.linears[f"{place}/encoder_attn/q_proj/MatMul_output_0"]
    looking = graph.linear(ready, f"{layer}.cq", query, gain=_SCALE)
    looking = graph.add("Reshape", [looking, graph.integers(0, HEADS, 1, HEAD_WIDTH)], f"{layer}.cqh")
    scores = graph.add("MatMul", [looking, f"cross_k{layer}"], f"{layer}.cs")
    look = graph.add("Softmax", [scores], f"{layer}.look", axis=-1)
    seen = graph.add("MatMul", [look, f"cross_v{layer}"], f"{layer}.seen")
    seen = graph.add("Reshape", [seen, graph.integers(0, 1, WIDTH)], f"{layer}.seen_flat")
    out = graph.linear(seen, f"{layer}.co", weights.linears[f"{place}/encoder_attn/o_proj/MatMul_output_0"])
    norm = weights.norms[f"{place}/final_layernorm/LayerNormalization_output_0"]
    ready, value = graph.add_and_norm(value, out, norm, f"{layer}.n3")
    inner = graph.linear(ready, f"{layer}.f1", weights.linears[f"{place}/mlp/fc1/Add_output_0"])
    graph.add("Split", [inner, graph.integers(_INNER, _INNER)], [f"{layer}.plain", f"{layer}.gate"], axis=-1)
    gate = graph.add("QuickGelu", [f"{layer}.gate"], f"{layer}.silu", ms=True, alpha=1.0)
    inner = graph.add("Mul", [gate, f"{layer}.plain"], f"{layer}.gated")
    out = graph.linear(inner, f"{layer}.f2", weights.linears[f"{place}/mlp/fc2/Add_output_0"])
    last = layer + 1 == LAYERS
    norm_name = "/model/decoder/norm" if last else f"/model/decoder/layers.{layer + 1}/input_layernorm"
    ready, value = graph.add_and_norm(
        value, out, weights.norms[f"{norm_name}/LayerNormalization_output_0"], f"{layer}.n4"
    )
    return value, ready


def _self_attention(graph: _Graph, weights: Weights, layer: int, value: str, ready: str) -> tuple[str, str]:
    place = f"/model/decoder/layers.{layer}"
    _qkv(graph, weights, f"{place}/self_attn", f"{layer}", ready)
    graph.rotate(f"{layer}.q", f"{layer}.qr", "position", _TOKENS_MAX)
    graph.rotate(f"{layer}.k", f"{layer}.kr", "position", _TOKENS_MAX)
    states = (f"k{layer}", f"v{layer}")
    graph.add(
        "MultiHeadAttention",
        [f"{layer}.qr", f"{layer}.kr", f"{layer}.v", "", "", "", *[f"past_{name}" for name in states]],
        [f"{layer}.a", *[f"new_{name}" for name in states]],
        ms=True,
        num_heads=HEADS,
        scale=_SCALE,
    )
    out = graph.linear(f"{layer}.a", f"{layer}.o", weights.linears[f"{place}/self_attn/o_proj/MatMul_output_0"])
    norm = weights.norms[f"{place}/post_attention_layernorm/LayerNormalization_output_0"]
    ready, value = graph.add_and_norm(value, out, norm, f"{layer}.n2")
    return value, ready


def _encoder_layer(graph: _Graph, weights: Weights, layer: int, value: str, ready: str) -> tuple[str, str]:
    place = f"/layers.{layer}"
    _qkv(graph, weights, f"{place}/self_attn", f"e{layer}", ready)
    start = graph.integers(0)
    graph.rotate(f"e{layer}.q", f"e{layer}.qr", start, _FRAMES_MAX)
    graph.rotate(f"e{layer}.k", f"e{layer}.kr", start, _FRAMES_MAX)
    inputs = [f"e{layer}.qr", f"e{layer}.kr", f"e{layer}.v"]
    graph.add("MultiHeadAttention", inputs, f"e{layer}.a", ms=True, num_heads=HEADS, scale=_SCALE)
    out = graph.linear(f"e{layer}.a", f"e{layer}.o", weights.linears[f"{place}/self_attn/o_proj/MatMul_output_0"])
    norm = weights.norms[f"{place}/post_attention_layernorm/LayerNormalization_output_0"]
    ready, value = graph.add_and_norm(value, out, norm, f"e{layer}.n2")
    inner = graph.linear(ready, f"e{layer}.f1", weights.linears[f"{place}/mlp/fc1/Add_output_0"])
    inner = graph.add("Gelu", [inner], f"e{layer}.gelu", ms=True)
    out = graph.linear(inner, f"e{layer}.f2", weights.linears[f"{place}/mlp/fc2/Add_output_0"])
    last = layer + 1 == LAYERS
    following = "last_hidden_state" if last else f"/layers.{layer + 1}/input_layernorm/LayerNormalization_output_0"
    ready, value = graph.add_and_norm(value, out, weights.norms[following], f"e{layer}.n3")
    return value, ready


def _qkv(graph: _Graph, weights: Weights, place: str, layer: str, ready: str) -> None:
    """Queries, keys and values of a layer's self-attention as `{layer}.q`, `.k`, `.v`, from one product."""
    parts = [weights.linears[f"{place}/{part}_proj/MatMul_output_0"] for part in "qkv"]
    graph.linear(ready, f"{layer}.qkv", *parts)
    graph.add(
        "Split", [f"{layer}.qkv", graph.integers(WIDTH, WIDTH, WIDTH)], [f"{layer}.{part}" for part in "qkv"], axis=-1
    )


def _group_norm(graph: _Graph, weights: Weights, value: str) -> str:
    """One group: mean and variance over all channels and all time of the clip."""
    flat = graph.add("Reshape", [value, graph.integers(0, 1, -1)], "gn_flat")
    one, none = graph.constant("gn_one", np.ones(1, np.float32)), graph.constant("gn_none", np.zeros(1, np.float32))
    even = graph.add("InstanceNormalization", [flat, one, none], "gn_even", epsilon=_EPSILON)
    even = graph.add("Reshape", [even, graph.integers(1, WIDTH, -1)], "gn_back")
    scale = graph.constant("gn_scale", weights.tensors["onnx::Mul_2080"])
    scaled = graph.add("Mul", [even, scale], "gn_scaled")
    return graph.add("Add", [scaled, graph.constant("gn_shift", weights.tensors["onnx::Add_2081"])], "gn")


def _convolve(graph: _Graph, weights: Weights, value: str, name: str, stride: int) -> str:
    kernel = graph.constant(f"{name}.w", weights.tensors[f"{name}.weight_add_tensor"])
    shift = graph.constant(f"{name}.b", weights.tensors[f"{name}.bias"])
    value = graph.add("Conv", [value, kernel, shift], name, strides=[stride])
    return graph.add("Gelu", [value], f"{name}.gelu", ms=True)


def _bias(part: Linear) -> NDArray[np.float32]:
    if part.bias is None:
        raise ValueError("matrices side by side either all have a bias or none")
    return part.bias
