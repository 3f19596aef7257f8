"""Who races: each contestant as one call without arguments, on inputs that a seed makes the same for all.

``torch``, ``tensordot`` and ``product`` (of columns that were made before) are known by these names; any other name is a module
with functions of the contract (``naive``, ``vectorized``, your own), and ``module:NAME`` passes ``algorithm=NAME`` to its
``conv2d``; ``module:fast`` passes ``accuracy="fast"``. A ``conv2d`` without a bias gets it added; a function does not take part
in a layer that has an option which it lacks.
"""

# ruff: noqa: PLC0415 - torch is imported in its own processes only

from collections.abc import Callable
from importlib import import_module
from inspect import signature
from typing import Any

import numpy as np

import contract
import vectorized
from benchmarks import product
from benchmarks.layers import Layer, Pair
from contract import Array
from vectorized.conv import auto

DEFAULT = ("naive", "tensordot", "vectorized", "vectorized:fast", "torch")
ALGORITHMS = tuple(f"vectorized:{name}" for name in vectorized.ALGORITHMS)
FAST = "fast"  # not an algorithm: it lets auto take one of a weaker error class
MODULES = {"tensordot": "benchmarks.tensordot"}
KNOWN = ("torch", "product", *MODULES)  # the others are modules
DTYPES = ("float32", "float64")
NOTES = {  # what is not quite the same work, printed under the table
    "torch": "its max pooling works out indices always; its backward passes are aten's, without autograd's graph; that of max "
    "pooling works out the maxima again, as all others do",
    "product": "has its columns made before, and does nothing but multiply: the floor of all that multiply as often",
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


def prepare(contestant: str, layer: Layer, arrays: dict[str, Array]) -> tuple[Call, str, str] | None:
    """Return the contestant's call, its error class and its algorithm, if it has a name; ``None`` if it cannot do the layer."""
    if contestant == "torch":
        return _torch(layer, arrays), "gamma", ""
    if contestant == "product":
        return (product.call(layer, **arrays), "gamma", "") if layer.operation == "conv2d" else None
    name, _, algorithm = contestant.partition(":")
    module = import_module(MODULES.get(name, name))
    function = getattr(module, layer.operation.removesuffix("_indices"), None)
    if function is None or (algorithm and layer.operation != "conv2d"):
        return None
    options, table = _options(layer), getattr(module, "ALGORITHMS", {})
    if algorithm == FAST:
        options["accuracy"] = FAST
    elif algorithm:
        options["algorithm"] = algorithm
    parameters = signature(function).parameters
    if not any(p.kind is p.VAR_KEYWORD for p in parameters.values()) and not options.keys() <= parameters.keys():
        return None
    names = [n for n in ("grad_output", "x", "weight", "bias") if n in arrays]
    positional: list[Any] = [arrays[n] for n in names if (n, layer.operation) != ("bias", "conv2d_backward")]
    if not layer.operation.startswith("conv"):
        positional.append(_int_or_pair((layer.R, layer.S)))
    error_class = getattr(function, "error_class", "gamma")
    if layer.operation == "conv2d" and not {"bias", "kwargs"} & set(parameters):
        function = _with_bias(function, positional.pop())
    chosen = _chosen(positional, options) if name == "vectorized" and layer.operation == "conv2d" else algorithm
    return lambda: function(*positional, **options), getattr(table.get(chosen), "error_class", error_class), chosen


def _with_bias(convolve: Callable[..., Array], bias: Array) -> Callable[..., Array]:
    """Return a convolution that has no bias with its bias."""
    return lambda *arguments, **options: convolve(*arguments, **options) + bias[:, np.newaxis, np.newaxis]


def _chosen(arguments: list[Array], options: dict[str, Any]) -> str:
    """Return the name of the algorithm that vectorized takes."""
    if "algorithm" in options:
        return str(options["algorithm"])
    usual = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1, "rounding": "exact"}
    a = contract.conv2d(*arguments, *(options.get(name, value) for name, value in usual.items()))
    return auto(a, vectorized.conv.output_shape(a)[2:], options.get("accuracy", "full"))


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
    if layer.operation == "max_pool2d_indices":
        options["return_indices"] = True
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

    F, aten = torch.nn.functional, torch.ops.aten
    kernel, pads = (layer.R, layer.S), (layer.stride, layer.padding)
    rest = ([layer.K], *pads, layer.dilation, False, [0, 0], layer.groups, [True, True, True])
    pool = (kernel, *pads, (1, 1), False)
    winners, back = aten.max_pool2d_with_indices, aten.max_pool2d_with_indices_backward
    calls: dict[str, Call] = {
        "conv2d": lambda: F.conv2d(t["x"], t["weight"], t["bias"], *pads, layer.dilation, layer.groups),
        "conv2d_backward": lambda: aten.convolution_backward(t["grad_output"], t["x"], t["weight"], *rest),
        "max_pool2d": lambda: F.max_pool2d(t["x"], kernel, *pads),
        "max_pool2d_indices": lambda: F.max_pool2d(t["x"], kernel, *pads, return_indices=True),
        "max_pool2d_backward": lambda: back(t["grad_output"], t["x"], *pool, winners(t["x"], *pool)[1]),
        "avg_pool2d": lambda: F.avg_pool2d(t["x"], kernel, *pads),
        "avg_pool2d_backward": lambda: aten.avg_pool2d_backward(t["grad_output"], t["x"], kernel, *pads, False, True, None),
    }
    return calls[layer.operation]
