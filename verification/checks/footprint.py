"""The footprint of NaN and Inf: one bad value in an argument reaches exactly the results that are made of it, as IEEE 754 says.

Where a right program has a choice, either is accepted and reported; a strict implementation is held to the sum as it is
written: padding is zeros that a convolution reads (so are the cells around grad_output, whose windows the gradients of a
transposed convolution are made of: there even PyTorch has it either way), and nothing else is read that is not in the sum.

    padding    a bad weight meets nothing but padding (PyTorch's kernels differ among themselves)
    between    a bad value lies between the taps of a dilated window (zero-stuffed filters multiply it by zero)
    unused     a bad pixel is under no window that a tap's gradient is made of (so do zero-stuffed gradients)
    passed     a bad gradient passes over the pixels that are not the largest (a mask multiplies it by zero)

What it cannot show: anything about a function that declares a weaker error class. A Fourier transform spreads NaN everywhere.
"""

from collections.abc import Callable, Iterator
from itertools import product

import numpy as np

from contract import Array
from verification.checks import pool_footprint, taps
from verification.checks.calls import Function, Index, Probe, compare
from verification.checks.probes import conv_case, folded, forward, one_hot_filters, to_weight, to_x, unfolded
from verification.checks.taps import Plane, operator
from verification.implementation import Implementation, UnsupportedError
from verification.operations import CONVOLUTIONS
from verification.outcome import Log

PADDING = "NaN or Inf in a weight that meets only padding gives"
BETWEEN = "NaN or Inf between the taps of a dilated window gives"
UNUSED = "NaN or Inf in a pixel that a weight's gradient does not use gives"


def footprint(implementation: Implementation, operation: str, log: Log) -> None:
    """Put one NaN, then one Inf, at every place of an argument, and compare what it reaches with what it should."""
    function = Function(implementation, operation, log)
    if not function.exact:
        raise UnsupportedError(f"NaN and Inf, in the error class {implementation.error_class(operation)}")
    for probe in every_probe(function):
        try:
            compare(function, probe)
        except UnsupportedError:
            continue  # the form is in the log already


def every_probe(function: Function) -> Iterator[Probe]:
    """Yield the calls on every plane of a small range, the smallest first."""
    operation = function.operation
    if operation in CONVOLUTIONS:
        make = convolution_gradients if operation.endswith("_backward") else convolution
        planes = taps.channel_planes(operation.startswith("conv_transpose2d"))
        for plane, bad, groups in product(planes, (np.nan, np.inf), (1, 2)):
            yield from make(function, plane, bad, groups)
    else:
        for plane, bad in product(taps.pool_footprint_planes(operation.startswith("max")), (np.nan, np.inf, -np.inf)):
            yield from pool_footprint.MAKE[operation](function, plane, bad)
            if operation == "max_pool2d" and bad == -np.inf:
                yield from pool_footprint.lowest(function, plane)


# ----------------------------------------------------------------------------------------------------------- convolutions


def convolution(function: Function, plane: Plane, bad: float, groups: int) -> Iterator[Probe]:
    """Yield two calls: a bad pixel in each image; then a bad weight in each filter."""
    strict, transposed = function.implementation.strict, "transpose" in function.operation
    (H, W), (R, S), C, T = plane.size, plane.taps, 2, operator(plane, transposed)
    shape = plane.result if transposed else plane.windows
    marks, pixels = np.eye(C * H * W).reshape(-1, C, H, W), counting(1, C, H, W)
    weight = counting(*((C, 2, R, S) if transposed else (2 * groups, C // groups, R, S)))
    (weight[:, 1] if transposed else weight[1::2])[..., -1, -1] = 0  # a zero weight loses nothing: 0 * NaN is NaN
    full = unfolded(weight, groups, transposed)
    read = forward(marks, unfolded(np.ones_like(weight), groups, transposed), T) > 0  # (m, K, P*Q)
    due = np.where(read, bad * forward(marks, full, T), forward(pixels, full, T))
    may = between(plane, transposed, weight, groups, lambda f, t: forward(marks, f, t)) & ~read
    x = np.where(marks == 1, bad, pixels)
    yield _probe(function, plane, groups, {"x": x, "weight": weight}, "y", due, shape, BETWEEN, may, "x", marks, (0, 0))

    every = one_hot_filters(groups, C // groups, R, S, transposed)  # filter t is bad at tap t
    weight = counting(*every.shape)
    read = forward(np.ones_like(pixels), unfolded(every, groups, transposed), T) > 0
    good = forward(pixels, unfolded(np.where(every == 1, 0, weight), groups, transposed), T)
    due = np.where(read, bad, np.nan if strict and not transposed else good)
    arguments = {"x": pixels, "weight": np.where(every == 1, bad, weight)}
    place = (1, 1) if transposed else (1, 0)
    yield _probe(function, plane, groups, arguments, "y", due, shape, PADDING, ~read, "weight", every, place)


def convolution_gradients(function: Function, plane: Plane, bad: float, groups: int) -> Iterator[Probe]:
    """Yield calls with a bad cell in each grad_output; and, for one group, a bad pixel, or tap, in each channel."""
    transposed = "transpose" in function.operation
    (H, W), (R, S), C, T = plane.size, plane.taps, 2, operator(plane, transposed)
    P, Q = plane.result if transposed else plane.windows
    marks, grads = np.eye(groups * P * Q).reshape(-1, groups, P, Q), counting(1, groups, P, Q)
    weight = counting(*((C, 1, R, S) if transposed else (groups, C // groups, R, S)))
    read = to_x(marks, unfolded(np.ones_like(weight), groups, transposed), T) > 0  # (m, C, H*W)
    due = np.where(read, bad, to_x(grads, unfolded(weight, groups, transposed), T))
    may = between(plane, transposed, weight, groups, lambda f, t: to_x(marks, f, t)) & ~read
    arguments = {"grad_output": np.where(marks == 1, bad, grads), "x": np.ones((len(marks), C, H, W)), "weight": weight}
    yield _probe(function, plane, groups, arguments, "grad_x", due, (H, W), BETWEEN, may, "grad_output", marks, (0, 0))
    if groups > 1:
        return

    def channels(n: int) -> tuple[int, ...]:
        return (n, 1, R, S) if transposed else (1, n, R, S)

    marks, weight = np.eye(H * W).reshape(1, -1, H, W), np.ones(channels(H * W))
    pixels = counting(*marks.shape)
    read = folded(to_weight(np.ones_like(grads), marks, T), weight.shape, 1, transposed) > 0
    good = folded(to_weight(grads, np.where(marks == 1, 0, pixels), T), weight.shape, 1, transposed)
    arguments = {"grad_output": grads, "x": np.where(marks == 1, bad, pixels), "weight": weight}
    due, place = np.where(read, bad, good), (0, 1) if transposed else (1, 1)
    yield _probe(function, plane, 1, arguments, "grad_weight", due, (R, S), UNUSED, ~read, "x", marks, place)

    taps_marked = np.eye(R * S).reshape(channels(R * S))
    weight = counting(*taps_marked.shape)
    read = to_x(np.ones_like(grads), unfolded(taps_marked, 1, transposed), T) > 0
    good = to_x(grads, unfolded(np.where(taps_marked == 1, 0, weight), 1, transposed), T)
    weight = np.where(taps_marked == 1, bad, weight)
    arguments = {"grad_output": grads, "x": np.ones((1, R * S, H, W)), "weight": weight}
    due, place = np.where(read, bad, good), (1, 0) if transposed else (1, 1)
    yield _probe(function, plane, 1, arguments, "grad_x", due, (H, W), PADDING, ~read, "weight", taps_marked, place)


def between(plane: Plane, transposed: bool, weight: Array, groups: int, spread: Callable[[Array, Array], Array]) -> Array:
    """Return what a bad value reaches through filters that are stuffed with zeros between their taps."""
    solid = plane._replace(height=plane.height.solid, width=plane.width.solid)
    full = unfolded(np.ones((*weight.shape[:2], *solid.taps)), groups, transposed)
    return np.asarray(spread(full, operator(solid, transposed)) > 0)


def counting(*shape: int) -> Array:
    """Return the numbers 1, 2, 3 ... and again from 1 after 7: none is 0."""
    return (np.arange(np.prod(shape)) % 7 + 1.0).reshape(shape)


def _probe(
    function: Function,
    plane: Plane,
    groups: int,
    arguments: dict[str, Array],
    name: str,
    due: Array,
    shape: tuple[int, ...],
    question: str,
    may: Array,
    argument: str,
    marks: Array,
    axes: tuple[int, int],
) -> Probe:
    """Return the probe of a call; ``marks`` says where ``argument`` is bad, by its axis and the result's (``axes``)."""

    def words(_name: str, index: Index, got: Array) -> str:
        place = next(p for p in np.argwhere(marks == 1).tolist() if p[axes[0]] == index[axes[1]])
        bad = arguments[argument][tuple(place)]
        made = "is" if not np.isfinite(due[index]) else "is not"
        return (
            f"{name}{list(index)} should be {due[index]}, got {got[index]}: {argument}{place} is {bad}, "
            f"and {name}{list(index)} {made} made of it"
        )

    due, may = due.reshape(*due.shape[:2], *shape), may.reshape(*due.shape[:2], *shape)
    given = {key: value.astype(function.dtype) for key, value in arguments.items()}
    case = conv_case(function.operation, given | ({"bias": None} if name == "y" else {}), plane, groups)
    around = function.operation == "conv_transpose2d_backward" and question != BETWEEN
    return Probe(case, {name: due}, words, may=may if around or not function.implementation.strict else None, question=question)
