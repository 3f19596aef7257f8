"""What the checks of algebra share: a claim that two ways to a result agree, and the pieces such ways are made of.

Axes are counted from the end, so that an image may come without its batch: -4 images, -3 channels, -2 rows, -1 columns.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import product
from math import lcm
from typing import Any, NamedTuple

import numpy as np

import contract
from contract import Array, Pair, Sides
from verification.cases import Case
from verification.checks.calls import Function
from verification.compare import same_shape
from verification.implementation import UnsupportedError
from verification.operations import CONVOLUTIONS
from verification.oracles import exact

# Divisible by every number of cells that a drawn window, of at most 5x5, can have; so small that sums are exact in float32 too.
MEANS = lcm(*(rows * columns for rows, columns in product(range(1, 6), repeat=2)))


class Claim(NamedTuple):
    """One array of a call's result, and what it must be equal to by another way."""

    case: Case
    name: str
    got: Array
    due: Array
    words: str
    open_cells: Array | None = None  # not judged


Results = dict[str, Array]
Call = Callable[[Case], Results]
Relation = Callable[[Call, Case], Iterator[Claim]]


def caller(function: Function) -> Call:
    """Return the function as one from a case to its arrays by name, whose shapes are right.

    Means are rounded: they are whole numbers here. Windows that see no pixel are nobody's to judge.
    """

    def call(case: Case) -> Results:
        if case.operation.startswith("max") and exact.has_blind_windows(case):
            raise UnsupportedError("windows that see no pixel")
        results = dict(zip(case.outputs, function(case), strict=True))
        for name, array in results.items():
            same_shape(case, _shape(case, name), array, name)
        return {name: np.rint(array) for name, array in results.items()} if case.operation.startswith("avg") else results

    return call


def _shape(case: Case, name: str) -> tuple[int, ...]:
    """Return the shape of a result: that of the argument of which it is the gradient, or what the windows make it."""
    if name in ("grad_x", "grad_weight"):
        return np.shape(case.arguments[name.removeprefix("grad_")])
    windows = exact.output_shape(case)
    return windows[-3:-2] if name == "grad_bias" else windows


def tamed(case: Case) -> Case:
    """Return a case of numbers so small that sums of several results are exact too; for a mean, divisible by its divisor."""
    mean = case.operation.startswith("avg")
    scale = MEANS * abs(case.options.get("divisor_override") or 1) if mean else 1
    small = {name: np.fmod(v, 8) * scale for name, v in arrays(case).items()}
    if case.operation.startswith("max"):
        small["x"] = case.arguments["x"]  # whose values all differ, and are never added
    return changed(case, **small)


def arrays(case: Case) -> Results:
    """Return the arguments of a case that are arrays."""
    return {name: value for name, value in case.arguments.items() if isinstance(value, np.ndarray)}


def changed(case: Case, *drop: str, options: Any = None, **arguments: Any) -> Case:
    """Return the case with other arguments, other ``options`` (a mapping), and without those to ``drop``."""
    kept = {name: value for name, value in {**case.options, **(options or {})}.items() if name not in drop}
    return replace(case, arguments={**case.arguments, **arguments}, options=kept, sources={})


# -------------------------------------------------------------------------------------------------------------- options


def stride_of(case: Case) -> Pair:
    """Return the stride as (height, width)."""
    given = case.option("stride")
    return contract.pair("stride", case.arguments["kernel_size"] if given is None else given, 1)


def dilation_of(case: Case) -> Pair:
    """Return the dilation as (height, width)."""
    return contract.pair("dilation", case.options.get("dilation", 1), 1)


def kernel_of(case: Case) -> Pair:
    """Return (R, S)."""
    if case.operation in CONVOLUTIONS:
        R, S = case.arguments["weight"].shape[2:]
        return R, S
    return contract.pair("kernel_size", case.arguments["kernel_size"], 1)


def sides_of(case: Case) -> Sides:
    """Return the padding as ((top, bottom), (left, right))."""
    return contract.conv_padding(case.option("padding"), kernel_of(case), (1, 1), dilation_of(case))


def spans_of(case: Case) -> Pair:
    """Return how many rows and columns a window spans."""
    rows, columns = (contract.reach(f, d) for f, d in zip(kernel_of(case), dilation_of(case), strict=True))
    return rows, columns


# --------------------------------------------------------------------------------------------------------------- pieces


def padded(image: Array, sides: Sides, value: float = 0.0) -> Array:
    """Return an image with more rows and columns around it."""
    around = [(0, 0)] * (image.ndim - 2) + [*sides]
    return np.pad(image, around, constant_values=value)


def cropped(image: Array, sides: Sides) -> Array:
    """Return an image without the rows and columns that ``padded`` adds."""
    (top, bottom), (left, right) = sides
    return image[..., top : image.shape[-2] - bottom, left : image.shape[-1] - right]


def thinned(image: Array, steps: Pair) -> Array:
    """Return every so many rows and columns."""
    return image[..., :: steps[0], :: steps[1]]


def stuffed(image: Array, steps: Pair, size: Pair | None = None) -> Array:
    """Return an image with zeros between its rows and columns: what ``thinned`` would make the image of."""
    rows, columns = size or [(n - 1) * step + 1 for n, step in zip(image.shape[-2:], steps, strict=True)]
    result = np.zeros((*image.shape[:-2], rows, columns), image.dtype)
    result[..., :: steps[0], :: steps[1]] = image
    return result


def side_by_side(call: Call, case: Case) -> Results:
    """Return the results of a convolution's groups, each worked out alone."""
    groups = case.option("groups")
    images = ("x", "grad_output", "grad_x", "y")

    def part(name: str, array: Array, g: int) -> Array:
        return np.split(array, groups, axis=-3 if name in images else 0)[g]

    alone = []
    for g in range(groups):
        own = {name: part(name, v, g) for name, v in arrays(case).items()}
        alone.append(call(changed(case, "groups", **own)))
    return {name: np.concatenate([r[name] for r in alone], axis=-3 if name in images else 0) for name in alone[0]}
