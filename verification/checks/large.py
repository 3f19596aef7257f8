"""Large: layers of real networks, where fast paths begin, at the cost of one filter each.

Data are whole numbers, so results must be equal to the bit. A convolution of K filters is checked by one random combination of
its K results (oracles/freivalds.py); only if that is wrong are single filters looked at. Poolings, whose channels are
independent, are checked whole, on real planes and a few channels.

What it cannot show: errors that cancel in a random combination, one chance in five for a single wrong cell.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import product
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from contract import Array, Pair
from verification import compare
from verification.abilities import CORE, Abilities, abilities
from verification.cases import Case
from verification.implementation import Implementation, UnsupportedError
from verification.operations import CONVOLUTIONS, OPERATIONS
from verification.oracles import exact
from verification.oracles.freivalds import combine, combined
from verification.outcome import Check, Failure, Log
from verification.runner import whole

SECONDS = 3.0  # a function for which a layer would take longer is not asked for it


class Layer(NamedTuple):
    """A layer of a network: (N, C, H, W) to K filters, or a pooling of C channels."""

    name: str
    x: tuple[int, int, int, int]
    filters: int
    kernel: Pair
    options: Mapping[str, Any] = MappingProxyType({})


CONV_LAYERS = (  # in order of work; C, H → K as the networks have them
    Layer("LeNet-5, second layer", (1, 6, 14, 14), 16, (5, 5)),
    Layer("MobileNet, depthwise", (1, 1024, 7, 7), 1024, (3, 3), {"padding": 1, "groups": 1024}),
    Layer("ResNet-50, bottleneck", (1, 2048, 7, 7), 512, (1, 1)),
    Layer("ResNet-50, last stage", (1, 512, 7, 7), 512, (3, 3), {"padding": 1}),
    Layer("AlexNet, second layer", (1, 96, 27, 27), 256, (5, 5), {"padding": 2, "groups": 2}),
    Layer("ResNet-50, shortcut", (1, 1024, 14, 14), 2048, (1, 1), {"stride": 2, "rounding": "floor"}),
    Layer("VGG-16, last stage", (1, 512, 14, 14), 512, (3, 3), {"padding": 1}),
    Layer("CIFAR, a batch", (8, 32, 32, 32), 64, (3, 3), {"padding": 1}),
    Layer("AlexNet, first layer", (1, 3, 227, 227), 96, (11, 11), {"stride": 4}),
    Layer("DeepBench, speech", (1, 1, 161, 700), 32, (5, 20), {"stride": 2}),
    Layer("ResNet-50, first layer", (1, 3, 224, 224), 64, (7, 7), {"stride": 2, "padding": 3, "rounding": "floor"}),
)
POOL_LAYERS = (
    Layer("ResNet-50, global", (1, 2048, 7, 7), 0, (7, 7)),
    Layer("VGG-16, fourth", (1, 16, 28, 28), 0, (2, 2)),
    Layer("Inception", (1, 8, 28, 28), 0, (3, 3), {"stride": 1, "padding": 1}),
    Layer("AlexNet, first", (1, 8, 55, 55), 0, (3, 3), {"stride": 2}),
    Layer("spatial pyramid", (1, 4, 20, 20), 0, (13, 13), {"stride": 1, "padding": 6}),
    Layer("ResNet-50, first", (1, 2, 112, 112), 0, (3, 3), {"stride": 2, "padding": 1, "rounding": "floor"}),
    Layer("VGG-16, first", (1, 2, 224, 224), 0, (2, 2)),
    Layer("SSD512, first", (1, 1, 512, 512), 0, (2, 2)),  # more pixels than 16 bits can number
)


@dataclass
class Pace:
    """How fast a function was so far: by it, layers that would take too long are left out."""

    work: float = 1.0
    seconds: float = 0.0

    def allows(self, work: float) -> bool:
        """Return whether this much work would fit."""
        return self.seconds / self.work * work < SECONDS

    def note(self, work: float, seconds: float) -> None:
        """Learn from a call."""
        self.work, self.seconds = self.work + work, self.seconds + seconds


def large(implementation: Implementation, operation: str, log: Log) -> None:
    """Compare layers of real networks with exact arithmetic."""
    able = abilities(implementation, operation, log)
    floats = able.dtypes(*(CORE if implementation.error_class(operation) != "gamma" else CORE[::-1]))
    pace = Pace()
    variants: tuple[dict[str, Any], ...] = ({}, {"return_indices": True}) if able.takes("return_indices") else ({},)
    for (number, layer), variant in product(enumerate(CONV_LAYERS if operation in CONVOLUTIONS else POOL_LAYERS), variants):
        case = layer_case(able, layer, np.dtype(floats[0]), number)
        if case is None:
            continue
        case = replace(case, options={**case.options, **variant})
        work = float(np.prod(exact.output_shape(case))) * np.prod(layer.kernel) * max(_depth(layer) // 32, 1)
        if not pace.allows(work):
            log.unsupported[f"layers that would take more than {SECONDS:.0f} seconds"] += 1
            continue
        try:
            if number == 0:
                whole(implementation, case)  # a first call may import or compile: it is no measure
            start = time.perf_counter()
            results = whole(implementation, case)
        except UnsupportedError as reason:
            log.unsupported[str(reason)] += 1
            continue
        pace.note(work, time.perf_counter() - start)
        judge(implementation, case, results, log, number)


def _depth(layer: Layer) -> int:
    """Return the channels of a filter."""
    return layer.x[1] // int(layer.options.get("groups", 1)) if layer.filters else 1


def layer_case(able: Abilities, layer: Layer, dtype: np.dtype[Any], seed: int) -> Case | None:
    """Return a layer as a case with whole numbers for data; ``None`` if the function does not take its options."""
    options = dict(layer.options)
    if "rounding" in options and (able.operation.startswith("conv_transpose2d") or able.untiled == "floors"):
        del options["rounding"]
    if not able.takes(*options):
        return None
    made = Made(dtype, seed)
    if able.operation not in CONVOLUTIONS:
        kernel = layer.kernel[0] if layer.kernel[0] == layer.kernel[1] else layer.kernel
        if kernel == layer.kernel and not able.takes("kernel_size pair"):
            return None
        made.array("x", layer.x, distinct=True)
        case = Case(able.operation, {"x": made.arrays["x"], "kernel_size": kernel}, options)
        return made.finished(case)
    weight, x = (layer.filters, _depth(layer), *layer.kernel), layer.x
    if able.operation.startswith("conv_transpose2d"):  # the same layer, undone: its result goes in
        sizes = {"x": np.broadcast_to(0, x), "weight": np.broadcast_to(0, weight)}
        N, K, P, Q = exact.output_shape(Case("conv2d", sizes, options))
        x = (N, K, P, Q)
    made.array("x", x)
    made.array("weight", weight)
    return made.finished(Case(able.operation, {**made.arrays, "bias": None}, options))


class Made:
    """Arrays of whole numbers, each with the expression that makes it."""

    def __init__(self, dtype: np.dtype[Any], seed: int) -> None:
        self.dtype, self.seed = dtype, seed
        self.arrays: dict[str, Array] = {}
        self.sources: dict[str, str] = {}

    def array(self, name: str, shape: tuple[int, ...], *, distinct: bool = False) -> None:
        """Make an array."""
        seed, size = self.seed * 10 + len(self.arrays), int(np.prod(shape))
        random = np.random.default_rng(seed)
        if distinct:
            values = random.permutation(size).reshape(shape)
            source = f"np.random.default_rng({seed}).permutation({size}).reshape({shape})"
        else:
            values = random.integers(-3, 4, shape)
            source = f"np.random.default_rng({seed}).integers(-3, 4, {shape})"
        self.arrays[name] = values.astype(self.dtype)
        self.sources[name] = f"{source}.astype(np.{self.dtype})"

    def finished(self, case: Case) -> Case:
        """Return a case with a gradient of its output, if it takes one, and the sources of its arrays."""
        arguments = {name: v for name, v in case.arguments.items() if name != "bias" or case.operation in CONVOLUTIONS[::2]}
        if case.operation.endswith("_backward"):
            self.array("grad_output", exact.output_shape(case))
            arguments = {"grad_output": self.arrays["grad_output"], **arguments}
        return replace(case, arguments=arguments, sources=self.sources)


def judge(implementation: Implementation, case: Case, results: tuple[Array, ...], log: Log, seed: int) -> None:
    """Compare a layer's results with exact ones: a convolution's by a random combination."""
    if case.operation not in CONVOLUTIONS:
        compare.judge(case, exact.expected(case), results, log, implementation.error_class(case.operation))
        return
    random = np.random.default_rng(seed)
    for (name, array), shape in zip(zip(case.outputs, results, strict=True), shapes(case), strict=True):
        compare.same_shape(case, shape, array, name)
        if name == "grad_bias":
            compare.equal(case, case.arguments["grad_output"].astype(np.float64).sum((0, 2, 3)), array, log, name)
            continue
        groups = case.option("groups")
        filters = shape[0 if name == "grad_weight" else 1] // groups
        r = random.choice((-3, -2, -1, 1, 2), (groups, filters))
        due, got = combined(case, name, r), combine(name, array.astype(np.float64), r)
        if (due != got).any():
            raise _wrong(case, name, array, r)
        log.saw(due)


def shapes(case: Case) -> list[tuple[int, ...]]:
    """Return the shapes of a convolution's results."""
    if not case.operation.endswith("_backward"):
        return [exact.output_shape(case)]
    return [case.arguments["x"].shape, case.arguments["weight"].shape, (case.arguments["grad_output"].shape[1],)]


def _wrong(case: Case, name: str, array: Array, r: Array) -> Failure:
    """Return the failure for a wrong result: by halving the filters that are combined, the first that is wrong."""
    keep = np.arange(r.shape[1])
    while len(keep) > 1:
        half = np.where(np.isin(np.arange(r.shape[1]), keep[: len(keep) // 2]), r, 0)
        clean = (combined(case, name, half) == combine(name, array.astype(np.float64), half)).all()
        keep = keep[len(keep) // 2 :] if clean else keep[: len(keep) // 2]
    only = np.where(np.arange(r.shape[1]) == keep[0], 1, 0) * np.ones_like(r)
    due, got = combined(case, name, only), combine(name, array.astype(np.float64), only)
    index = compare.first(due != got)
    group = index[0] if name == "grad_weight" else index[1]
    channel = int(group * r.shape[1] + keep[0])
    place = (channel, *index[1:]) if name == "grad_weight" else (index[0], channel, *index[2:])
    message = f"{name}{list(place)} should be {due[index]}, got {array[place]}"
    return Failure(message, case, got=array, index=place)


CHECKS = (Check("large", OPERATIONS, large, "layers of real networks agree with exact arithmetic"),)
