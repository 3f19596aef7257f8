"""Poolings, exactly: maxima cell by cell in the order of the taps, averages as sums over one whole number."""

from dataclasses import replace
from functools import partial
from itertools import product
from math import lcm
from typing import Any

import numpy as np

import contract
from contract import Array
from verification.cases import Case
from verification.oracles.bilinear import bilinear
from verification.oracles.exact_conv import Axes, gather, scatter
from verification.oracles.links import conv_axis
from verification.oracles.numbers import Exact


def max_pool2d(case: Case, arrays: dict[str, Array]) -> list[Exact]:
    """Take the largest value under each window, and where it stands; a window that sees no cell is open to any index."""
    values, indices = winners(case, arrays["x"])
    found = [Exact("y", values.dtype, (values,)), Exact("indices", indices.dtype, (indices,), open=indices < 0)]
    return found[: len(case.outputs)]


def max_pool2d_backward(case: Case, arrays: dict[str, Array]) -> list[Exact]:
    """Send each window's gradient to the cell that won it."""
    x, g = arrays["x"], arrays["grad_output"]
    _, indices = winners(case, x)
    planes = np.arange(x.shape[0] * x.shape[1]).reshape(*x.shape[:2], 1, 1) * x.shape[2] * x.shape[3]
    seen = indices >= 0
    places = (indices + planes)[seen]

    def send(a: Array, one: Array) -> Array:
        grad_x = np.zeros(x.size, np.result_type(a, one))
        np.add.at(grad_x, places, (a * one)[seen])
        return grad_x.reshape(x.shape)

    return [bilinear("grad_x", send, g, np.ones(1, g.dtype))]


def avg_pool2d(case: Case, arrays: dict[str, Array]) -> list[Exact]:
    """Add up the cells of each window inside the image, and divide."""
    x = arrays["x"]
    axes, divisors = pool_axes(case, x.shape), _divisors(case, x.shape)
    total = bilinear("y", partial(gather, axes), x[:, :, np.newaxis], _ones(case, x)).map(_plane)
    return [_over(total, divisors)]


def avg_pool2d_backward(case: Case, arrays: dict[str, Array]) -> list[Exact]:
    """Give each cell of a window its share of the window's gradient: shares are whole over the divisors' common multiple."""
    x, g = arrays["x"], arrays["grad_output"][:, :, np.newaxis]
    axes, divisors = pool_axes(case, x.shape), _divisors(case, x.shape)
    common = lcm(*divisors.ravel().tolist())
    shares = common // divisors  # (P, Q)
    total = bilinear("grad_x", lambda a, w: scatter(axes, a * shares, w), g, _ones(case, x))
    if total.is_sum:  # a share is one term, whatever its size
        ones = np.ones_like(total.terms, shape=g.shape), np.ones(_ones(case, x).shape, np.int64)
        total = replace(total, terms=scatter(axes, *ones))
    return [_over(total.map(_plane), common)]


def _over(total: Exact, divisor: Any) -> Exact:
    """Return an exact sum over a positive integer, or one for each cell."""
    divisors = np.broadcast_to(np.asarray(divisor, dtype=object), total.shape)  # Python's integers: they meet large ones
    if not total.is_sum:
        return replace(total, parts=(total.parts[0] / divisors,))
    return replace(total, divisor=divisors)


def _divisors(case: Case, x: tuple[int, ...]) -> Array:
    """Return what each window is divided by, its sign left to ``_ones``, (P, Q)."""
    rows, columns = pool_axes(case, x)
    if case.option("divisor_override") is not None:
        return np.full((rows.windows, columns.windows), abs(case.option("divisor_override")))
    if case.option("count_include_pad"):
        return np.outer(rows.padded, columns.padded)
    return np.outer(rows.cells, columns.cells)


def _ones(case: Case, x: Array) -> Array:
    """Return the weights of a sum, (C, 1, 1, R, S): ones, or minus ones for a negative divisor."""
    R, S = contract.pair("kernel_size", case.arguments["kernel_size"], 1)
    sign = -1 if (case.options.get("divisor_override") or 1) < 0 else 1
    return np.full((x.shape[1], 1, 1, R, S), sign, x.dtype)


def _plane(image: Array) -> Array:
    """Return (N, C, 1, P, Q) as (N, C, P, Q)."""
    return image[:, :, 0]


def pool_axes(case: Case, x: tuple[int, ...]) -> Axes:
    """Return how the windows of a pooling lie on each axis of the image."""
    kernel = contract.pair("kernel_size", case.arguments["kernel_size"], 1)
    given = case.option("stride")
    stride = kernel if given is None else contract.pair("stride", given, 1)
    padding = contract.pair("padding", case.option("padding"), 0)
    dilation = contract.pair("dilation", case.option("dilation"), 1) if case.operation.startswith("max") else (1, 1)
    rows, columns = (
        conv_axis(x[2 + i], kernel[i], stride[i], (padding[i], padding[i]), dilation[i], case.option("rounding"))
        for i in (0, 1)
    )
    return rows, columns


def winners(case: Case, x: Array) -> tuple[Array, Array]:
    """Return the largest value under each window and its flat place in the plane, -1 where the window sees no cell.

    The first of equal maxima wins; NaN beats every number, and the last NaN wins.
    """
    rows, columns = pool_axes(case, x.shape)
    shape = (*x.shape[:2], rows.windows, columns.windows)
    best, winner = np.full(shape, contract.lowest(x.dtype), x.dtype), np.full(shape, -1)
    for (i, p), (j, q) in product(rows.links, columns.links):
        windows, cells = (..., i[:, None], j), (..., p[:, None], q)
        value, place = x[cells], p[:, None] * x.shape[3] + q
        better = np.asarray((winner[windows] < 0) | (value > best[windows]) | (value != value), dtype=bool)  # noqa: PLR0124
        best[windows] = np.where(better, value, best[windows])
        winner[windows] = np.where(better, place, winner[windows])
    return best, winner
