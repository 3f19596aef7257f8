"""Convolution as one matrix product: stretch every receptive field into a column, multiply by the filters as rows.

    y (K, P*Q) = filters (K, C*R*S) @ columns (C*R*S, P*Q) + bias          for every image and every group

x is zero-padded first. Like every deep-learning library, this is the cross-correlation: the filter is not flipped.

``im2col`` below is the whole idea in five lines. The further algorithms give the same sum in less memory or time; each has
a file of its own, and all stand in one table, ``ALGORITHMS``. ``"auto"`` alone chooses; the others refuse what they cannot do.

Letters: N images, C channels, H×W pixels, K filters, R×S taps, P×Q output cells; G groups.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

import contract
from contract import Array, Conv, Pair
from vectorized import buffers, channels_last, costs, fft, flat, gradients, lines, pointwise, shifted, strips, winograd
from vectorized.columns import stretch, zero_padded
from vectorized.filters import Scratch, Take, as_rows, as_taps
from vectorized.windows import output_sizes


def im2col(a: Conv, y: Array, filters: Array, _: Take) -> None:
    """Fill y (N, K, P, Q) by one product of the filters as rows (G, K/G, C/G*R*S) and all columns at once.

    Memory: all columns, N*C*R*S*P*Q values. Arithmetic: N*K*(C/groups)*R*S*P*Q multiplications. Error class: gamma.
    Source: Chellapilla, Puri, Simard, 2006.
    """
    (N, K, P, Q), (R, S), G = y.shape, a.weight.shape[2:], a.groups
    contract.memory_fits("the columns", (N, a.x.shape[1], R, S, P, Q), y.itemsize)
    X = zero_padded(a.x, a.padding, y.dtype)  # (N, C, H + top + bottom, W + left + right)
    columns = stretch(X, (R, S), a.stride, a.dilation, (P, Q))  # (N, C, R, S, P, Q)
    np.matmul(filters, columns.reshape(N, G, filters.shape[2], P * Q), out=y.reshape(N, G, K // G, P * Q))
    if a.bias is not None:
        y += a.bias.astype(y.dtype)[:, np.newaxis, np.newaxis]  # (K, 1, 1)


def any_case(_: Conv) -> None:
    """Refuse nothing."""


class Algorithm(NamedTuple):
    """One way to fill the result, what it makes of the filters first, what it cannot do, and how large its errors may be."""

    fill: Callable[[Conv, Array, Array, Take], None]  # fills y (N, K, P, Q), given the filters that ``prepare`` made
    prepare: Callable[[Array, int, np.dtype[Any]], Array] = as_rows  # of (weight, groups, dtype)
    refusal: Callable[[Conv], str | None] = any_case  # why it cannot do a case; None if it can
    error_class: str = "gamma"  # the bound of a plain sum of products; others are weaker


ALGORITHMS: dict[str, Algorithm] = {  # in rising complexity
    "im2col": Algorithm(im2col),  # one product over all columns
    "pointwise": Algorithm(pointwise.pointwise, refusal=pointwise.refusal),  # 1×1 filters: the image is its own columns
    "strips": Algorithm(strips.strips),  # im2col in bounded memory: some megabytes of columns at a time
    "flat": Algorithm(flat.flat),  # strips of whole rows: for groups, and for small images
    "lines": Algorithm(lines.lines, lines.as_lines),  # columns along one axis alone, and sums over the other
    "channels_last": Algorithm(  # depthwise layers of many channels, all of them at once
        channels_last.channels_last, channels_last.as_vectors, channels_last.refusal
    ),
    "shifted": Algorithm(shifted.shifted, as_taps, shifted.refusal),  # no columns: one product for each tap, on a shifted view
    "fft": Algorithm(fft.fft, refusal=fft.refusal, error_class="fft"),  # a product of spectra, for large filters
    "winograd2": Algorithm(  # F(2×2, 3×3)
        partial(winograd.winograd, winograd.F2), partial(winograd.transformed, winograd.F2), winograd.refusal, "winograd"
    ),
    "winograd4": Algorithm(  # F(4×4, 3×3)
        partial(winograd.winograd, winograd.F4), partial(winograd.transformed, winograd.F4), winograd.refusal, "winograd"
    ),
}


CHOICE = {  # of "auto", by the accuracy that is asked for
    "full": [name for name in costs.COSTS if ALGORITHMS[name].error_class == "gamma"],
    "fast": list(costs.COSTS),
}


def auto(a: Conv, count: Pair, accuracy: str, *, prepared: bool = False) -> str:
    """Return the name of the algorithm that costs least for ``count`` = (P, Q) windows."""
    names = tuple([name for name in CHOICE[accuracy] if ALGORITHMS[name].refusal(a) is None])
    if a.x.dtype.kind not in "fc":  # no BLAS, and no costs known: the first, which makes no product in vain
        return names[0]
    return costs.cheapest(names, costs.shape(a, count, prepared))


def choose(a: Conv, count: Pair, name: str, accuracy: str, *, prepared: bool = False) -> Algorithm:
    """Return the algorithm of that name, or the one that ``"auto"`` takes.

    Raises NotImplementedError where the algorithm named does not support the case.
    """
    name = auto(a, count, accuracy, prepared=prepared) if name == "auto" else name
    if (reason := ALGORITHMS[name].refusal(a)) is not None:
        raise NotImplementedError(f"algorithm {name!r} {reason}")
    return ALGORITHMS[name]


@np.errstate(all="ignore")  # NaN, Inf and wrapping integers are results here, not warnings
def conv2d(
    x: Any,
    weight: Any,
    bias: Any = None,
    *,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: Any = 1,
    rounding: Any = "exact",
    algorithm: Any = "auto",
    accuracy: Any = "full",
) -> Array:
    """Convolve a batch of images with K filters.

    ``y = filters @ columns + bias``, that is
    ``y[n,k,i,j] = sum(x[n, channels of k, i*S : i*S+reach : D, j*S : j*S+reach : D] * weight[k]) + bias[k]``

    Shapes: x (N, C, H, W) or (C, H, W); weight (K, C/groups, R, S); bias (K,) or None; result (N, K, P, Q) or (K, P, Q), with
    ``P = (H - reach + top + bottom)/stride + 1`` and ``reach = dilation*(R - 1) + 1``, and likewise Q.

    Sizes (``stride``, ``padding``, ``dilation``) are in pixels, an int or (height, width); ``padding`` may also be
    ``((top, bottom), (left, right))``, ``"valid"`` or ``"same"``. ``rounding`` is ``"exact"`` or ``"floor"``.
    ``algorithm`` is ``"auto"`` or a name in ``ALGORITHMS``; ``accuracy="fast"`` lets ``"auto"`` take one whose error class is
    weaker than that of a plain sum of products.

    Raises TypeError for a wrong kind of value, ValueError for one that breaks a rule, NotImplementedError for a case that
    the named algorithm does not support.

    Source: PyTorch's ``torch.nn.functional.conv2d``; Chellapilla, Puri, Simard, 2006.

    >>> conv2d([[[1, 2, 3], [4, 5, 6], [7, 8, 9]]], [[[[1, 0], [0, -1]]]], [10])  # 1 - 5 + 10, 2 - 6 + 10, ...
    array([[[6, 6],
            [6, 6]]])
    """
    a = contract.conv2d(x, weight, bias, stride, padding, dilation, groups, rounding)
    names, shape = named(algorithm, accuracy), output_shape(a)
    chosen = choose(a, shape[2:], *names)
    y = np.empty(shape, contract.carrier(a.x.dtype))  # (N, K, P, Q)
    buffers.hold_small(y.size)
    if y.size:  # an empty batch is done
        chosen.fill(a, y, chosen.prepare(a.weight, a.groups, y.dtype), Scratch().take)
    return result(a, y)


@np.errstate(all="ignore")
def conv2d_backward(
    grad_output: Any,
    x: Any,
    weight: Any,
    *,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: Any = 1,
    rounding: Any = "exact",
) -> tuple[Array, Array, Array]:
    """Return the gradients of ``conv2d`` with respect to x, weight and bias.

    ``y = filters @ columns + bias`` gives ``grad_columns = filters.T @ grad_output``, of which col2im makes ``grad_x``;
    ``grad_filters = grad_output @ columns.T``; and grad_bias sums grad_output. (Complex: conjugated, as in PyTorch.)

    Shapes: grad_output as the result of ``conv2d``; the gradients as x, weight and bias (K,). Options, units and errors
    are those of ``conv2d``.

    Source: PyTorch's autograd of ``conv2d``; the chain rule.

    >>> grad_x, grad_weight, grad_bias = conv2d_backward([[[1, 10]]], [[[1, 2, 3]]], [[[[4, 5]]]])
    >>> grad_x.tolist(), grad_weight.tolist(), grad_bias.tolist()  # 1*[4, 5, 0] + 10*[0, 4, 5]; 1*[1, 2] + 10*[2, 3]
    ([[[4, 45, 50]]], [[[[21, 32]]]], [11])
    """
    a = contract.conv2d(x, weight, None, stride, padding, dilation, groups, rounding)
    g = contract.gradient(grad_output, a.x, output_shape(a), a.batched)
    dtype = contract.carrier(a.x.dtype)
    g = np.ascontiguousarray(g, dtype)  # (N, K, P, Q)
    grad_x, grad_w = np.empty(a.x.shape, dtype), np.empty(a.weight.shape, dtype)
    buffers.hold_small(grad_x.size + g.size)
    gradients.input_gradient(a, g, grad_x)
    gradients.weight_gradient(a, g, a.x, grad_w)
    grad_b = gradients.bias_gradient(g, gradients.effort_of(a, g))
    return result(a, grad_x), grad_w.astype(a.x.dtype, copy=False), grad_b.astype(a.x.dtype, copy=False)


def named(algorithm: Any, accuracy: Any) -> tuple[str, str]:
    """Return the names of an algorithm and an accuracy if they are such."""
    return contract.choice("algorithm", algorithm, ("auto", *ALGORITHMS)), contract.choice(
        "accuracy", accuracy, ("full", "fast")
    )


def output_shape(a: Conv) -> tuple[int, int, int, int]:
    """Return (N, K, P, Q), by the output-size formula."""
    count = output_sizes(a.x.shape[2:], a.weight.shape[2:], a.stride, a.padding, a.dilation, a.rounding)
    shape = (a.x.shape[0], a.weight.shape[0], *count)
    contract.memory_fits("the result", shape, a.x.itemsize)
    return shape


def result(a: Conv, y: Array) -> Array:
    """Return the result in the dtype and with the number of dimensions that x came with."""
    y = y.astype(a.x.dtype, copy=False)
    return y if a.batched else y[0]
