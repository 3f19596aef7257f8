"""Who races: each contestant as one call without arguments, on inputs that a seed makes the same for all.

``torch`` and ``tensordot`` are known by these names; any other name is a module with functions of the contract (``naive``,
``vectorized``, your own), and ``module:NAME`` passes ``algorithm=NAME`` to its ``conv2d``.
"""

# ruff: noqa: PLC0415 - torch is imported in its own processes only

from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np

from benchmarks.layers import Layer, Pair
from contract import Array

DEFAULT = ("naive", "tensordot", "vectorized", "torch")
MODULES = {"tensordot": "benchmarks.tensordot"}
DTYPES = ("float32", "float64")
NOTES = {  # what is not quite the same work, printed under the table
    "torch": "its max pooling works out indices too; its backward is aten::convolution_backward, without autograd's graph",
    "tensordot": "leaves the result of a convolution channels-last in memory; has no backward pass",
}

Call = Callable[[], Any]


def inputs(layer: Layer, dtype: str, seed: int) -> dict[str, Array]:
    """Return the layer's arrays, standard normal: x (N, C, H, W); for convolutions also weight, bias and grad_output."""
    rng = np.random.default_rng(seed)
    shapes: dict[str, tuple[int, ...]] = {"x": (layer.N, layer.C, layer.H, layer.W)}
    if layer.operation.startswith("conv"):
        shapes |= {"weight": (layer.K, layer.C // layer.groups, layer.R, layer.S), "bias": (layer.K,)}
    if layer.operation.endswith("backward"):
        shapes["grad_output"] = layer.output
    return {name: rng.standard_normal(shape, np.dtype(dtype).type) for name, shape in shapes.items()}


def prepare(contestant: str, layer: Layer, arrays: dict[str, Array]) -> tuple[Call, str] | None:
    """Return the contestant's call on these arrays and its declared error class; ``None`` if it lacks the operation."""
    if contestant == "torch":
        return _torch(layer, arrays), "gamma"
    name, _, algorithm = contestant.partition(":")
    module = import_module(MODULES.get(name, name))
    function = getattr(module, layer.operation, None)
    if function is None or (algorithm and layer.operation != "conv2d"):
        return None
    declared = getattr(module, "ALGORITHMS", {}).get(algorithm, function)
    options = _options(layer) | ({"algorithm": algorithm} if algorithm else {})
    arguments = {
        "conv2d": ("x", "weight", "bias"),
        "conv2d_backward": ("grad_output", "x", "weight"),
    }.get(layer.operation)
    positional = [arrays[a] for a in arguments] if arguments else [arrays["x"], _int_or_pair((layer.R, layer.S))]
    return lambda: function(*positional, **options), getattr(declared, "error_class", "gamma")


def as_arrays(result: Any) -> list[Array]:
    """Return a result as arrays: one, or the three gradients of a convolution."""
    parts = result if isinstance(result, tuple) else (result,)
    return [np.asarray(part) for part in parts]


def _options(layer: Layer) -> dict[str, Any]:
    """Return the options that differ from their defaults, so that the least of implementations can take part."""
    stride = (1, 1) if layer.operation.startswith("conv") else (layer.R, layer.S)
    usual = {"stride": stride, "padding": (0, 0), "dilation": (1, 1)}
    options: dict[str, Any] = {}
    for name, default in usual.items():
        if getattr(layer, name) != default:
            options[name] = _int_or_pair(getattr(layer, name))
    if layer.groups != 1:
        options["groups"] = layer.groups
    if not layer.tiles:
        options["rounding"] = "floor"
    return options


def _int_or_pair(value: Pair) -> int | Pair:
    """Return a pair of equal sizes as one int."""
    return value[0] if value[0] == value[1] else value


def _torch(layer: Layer, arrays: dict[str, Array]) -> Call:
    """Return torch's call, on tensors that share the arrays' memory."""
    import torch

    t = {name: torch.from_numpy(array) for name, array in arrays.items()}
    return torch_call(layer, t)


def torch_call(layer: Layer, t: dict[str, Any]) -> Call:
    """Return torch's call on the tensors ``t``; the judge calls it on others of his own."""
    import torch

    F = torch.nn.functional
    kernel, pads = (layer.R, layer.S), (layer.stride, layer.padding)
    if layer.operation == "conv2d":
        return lambda: F.conv2d(t["x"], t["weight"], t["bias"], *pads, layer.dilation, layer.groups)
    if layer.operation == "max_pool2d":
        return lambda: F.max_pool2d(t["x"], kernel, *pads)
    if layer.operation == "avg_pool2d":
        return lambda: F.avg_pool2d(t["x"], kernel, *pads)
    backward = torch.ops.aten.convolution_backward
    rest = ([layer.K], *pads, layer.dilation, False, [0, 0], layer.groups, [True, True, True])
    return lambda: backward(t["grad_output"], t["x"], t["weight"], *rest)
