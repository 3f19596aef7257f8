"""Convolutions, exactly, in three sums over taps.

    gather     small[n, g, b, i, j]  = sum of big[n, g, a, p, q] * weight[g, b, a, r, s]    over a and the taps r, s
    scatter    big[n, g, a, p, q]    = sum of small[n, g, b, i, j] * weight[g, b, a, r, s]  over b and the taps r, s
    correlate  weight[g, b, a, r, s] = sum of small[n, g, b, i, j] * big[n, g, a, p, q]     over n and the windows i, j

``big`` is the image that windows read and ``small`` has a cell for each window; links.py says which cells (i, p) tap r joins.
A convolution gathers; its gradients scatter and correlate. A transposed convolution scatters.

Letters: N images, G groups, A channels and B filters a group, R×S taps.
"""

from functools import partial
from itertools import product

import numpy as np

import contract
from contract import Array
from verification.cases import Case
from verification.oracles.bilinear import bilinear
from verification.oracles.links import Axis, conv_axis, transposed_axis
from verification.oracles.numbers import Exact

Axes = tuple[Axis, Axis]


def conv2d(case: Case, arrays: dict[str, Array]) -> list[Exact]:
    """Gather."""
    axes, x, w, _ = prepared(case, arrays)
    b = _bias(arrays.get("bias"), w.shape[1], w.shape[0])
    return [bilinear("y", partial(gather, axes), x, w, bias=b, blind=partial(_gather_blind, axes)).map(_image)]


def conv2d_backward(case: Case, arrays: dict[str, Array]) -> list[Exact]:
    """Scatter into x, correlate into the weight."""
    axes, x, w, g = prepared(case, arrays)
    grad_x = bilinear("grad_x", partial(scatter, axes), g, w, conj="b")
    grad_weight = bilinear("grad_weight", partial(correlate, axes), g, x, conj="b", blind=partial(_correlate_blind, axes))
    return [grad_x.map(_image), grad_weight.map(_filters), _grad_bias(g)]


def conv_transpose2d(case: Case, arrays: dict[str, Array]) -> list[Exact]:
    """Scatter."""
    axes, x, w, _ = prepared(case, arrays)
    b = _bias(arrays.get("bias"), w.shape[2], w.shape[0])
    return [bilinear("y", partial(scatter, axes), x, w, bias=b).map(_image)]


def conv_transpose2d_backward(case: Case, arrays: dict[str, Array]) -> list[Exact]:
    """Gather into x, correlate into the weight."""
    axes, x, w, g = prepared(case, arrays)
    grad_x = bilinear("grad_x", partial(gather, axes), g, w, conj="b", blind=partial(_gather_blind, axes))
    grad_weight = bilinear("grad_weight", partial(correlate, axes), x, g, conj="a", blind=partial(_correlate_blind, axes))
    return [grad_x.map(_image), grad_weight.map(_filters), _grad_bias(g)]


def tells_filters_apart(case: Case, arrays: dict[str, Array]) -> bool:
    """Return whether the sum over taps changes with every way to mistake one tap, channel or filter for another."""
    axes, x, w, g = prepared(case, arrays)
    gathers = case.operation in ("conv2d", "conv_transpose2d_backward")
    image, total = g if case.operation.endswith("_backward") else x, gather if gathers else scatter
    right = total(axes, image, w)
    wrong = [np.flip(w, axis) for axis in (3, 4) if w.shape[axis] > 1]
    wrong += [np.roll(w, 1, axis) for axis in (0, 1, 2) if w.shape[axis] > 1]
    return all((total(axes, image, other) != right).any() for other in wrong)


# ---------------------------------------------------------------------------------------------------------- three sums


def gather(axes: Axes, big: Array, w: Array) -> Array:
    """Sum over a and the taps, (N, G, A, H, W) and (G, B, A, R, S) to (N, G, B, P, Q)."""
    small = np.zeros((*big.shape[:2], w.shape[1], axes[0].windows, axes[1].windows), np.result_type(big, w))
    for (r, (i, p)), (s, (j, q)) in product(*(enumerate(axis.links) for axis in axes)):
        small[..., i[:, None], j] += np.einsum("ngapq,gba->ngbpq", big[..., p[:, None], q], w[..., r, s])
    return small


def scatter(axes: Axes, small: Array, w: Array) -> Array:
    """Sum over b and the taps, (N, G, B, P, Q) and (G, B, A, R, S) to (N, G, A, H, W)."""
    big = np.zeros((*small.shape[:2], w.shape[2], axes[0].size, axes[1].size), np.result_type(small, w))
    for (r, (i, p)), (s, (j, q)) in product(*(enumerate(axis.links) for axis in axes)):
        big[..., p[:, None], q] += np.einsum("ngbij,gba->ngaij", small[..., i[:, None], j], w[..., r, s])
    return big


def correlate(axes: Axes, small: Array, big: Array) -> Array:
    """Sum over n and the windows, (N, G, B, P, Q) and (N, G, A, H, W) to (G, B, A, R, S)."""
    shape = (small.shape[1], small.shape[2], big.shape[2], len(axes[0].links), len(axes[1].links))
    w = np.zeros(shape, np.result_type(small, big))
    for (r, (i, p)), (s, (j, q)) in product(*(enumerate(axis.links) for axis in axes)):
        w[..., r, s] = np.einsum("ngbij,ngaij->gba", small[..., i[:, None], j], big[..., p[:, None], q])
    return w


# ------------------------------------------------------------------------------------------------------------- helpers


def _gather_blind(axes: Axes, big: Array, w: Array) -> Array:
    """Return where a tap that is counted in ``w`` reads padding."""
    taps: Array = w.sum((2, 3, 4))[:, :, np.newaxis, np.newaxis]
    return taps > gather(axes, np.ones_like(big), w)


def _correlate_blind(axes: Axes, small: Array, big: Array) -> Array:
    """Return where a window that is counted in ``small`` reads padding."""
    windows: Array = small.sum((0, 3, 4))[:, :, np.newaxis, np.newaxis, np.newaxis]
    return windows > correlate(axes, small, np.ones_like(big))


def prepared(case: Case, arrays: dict[str, Array]) -> tuple[Axes, Array, Array, Array]:
    """Return the axes, and x, the weight and the output's gradient with an axis for the groups."""
    x, weight, groups = arrays["x"], arrays["weight"], case.option("groups")
    w = weight.reshape(groups, weight.shape[0] // groups, *weight.shape[1:])  # (G, B, A, R, S)
    axes = conv_axes(case, x.shape, weight.shape)
    return axes, _grouped(x, groups), w, _grouped(arrays.get("grad_output", x), groups)


def conv_axes(case: Case, x: tuple[int, ...], weight: tuple[int, ...]) -> Axes:
    """Return how the windows of a convolution, or a transposed one, lie on each axis of the image."""
    stride, dilation = (contract.pair(name, case.option(name), 1) for name in ("stride", "dilation"))
    kernel = (weight[2], weight[3])
    padding = contract.conv_padding(case.option("padding"), kernel, stride, dilation)
    if case.operation.startswith("conv_transpose2d"):
        extra = contract.pair("output_padding", case.option("output_padding"), 0)
        rows, columns = (transposed_axis(x[2 + i], kernel[i], stride[i], padding[i], dilation[i], extra[i]) for i in (0, 1))
    else:
        rows, columns = (
            conv_axis(x[2 + i], kernel[i], stride[i], padding[i], dilation[i], case.option("rounding")) for i in (0, 1)
        )
    return rows, columns


def _grouped(image: Array, groups: int) -> Array:
    """Return (N, K, P, Q) as (N, G, K/G, P, Q)."""
    return image.reshape(image.shape[0], groups, image.shape[1] // groups, *image.shape[2:])


def _image(image: Array) -> Array:
    """Return (N, G, K/G, P, Q) as (N, K, P, Q)."""
    return image.reshape(image.shape[0], image.shape[1] * image.shape[2], *image.shape[3:])


def _filters(w: Array) -> Array:
    """Return (G, B, A, R, S) as (G*B, A, R, S)."""
    return w.reshape(w.shape[0] * w.shape[1], *w.shape[2:])


def _bias(bias: Array | None, size: int, groups: int) -> Array | None:
    """Return (K,) as (G, K/G, 1, 1)."""
    return None if bias is None else bias.reshape(groups, size, 1, 1)


def _grad_bias(g: Array) -> Exact:
    """Return the sum of the output's gradient over images, rows and columns, (N, G, B, P, Q) to (G*B,)."""
    return bilinear("grad_bias", lambda a, one: (a.sum((0, 3, 4)) * one).ravel(), g, np.ones(1, g.dtype))
