"""Convolution as loops: every output cell is one sum over one window. No shortcuts, no speed.

    y[n, k, i, j] = sum(x[n, channels of k, i*S : i*S + reach : D, j*S : j*S + reach : D] * weight[k]) + bias[k]

x is zero-padded first. Like every deep-learning library, this is the cross-correlation: the filter is not flipped.

Letters: N images, C channels, H×W pixels, K filters, R×S taps, P×Q output cells; D dilation.
"""

from itertools import product
from typing import Any

import numpy as np

import contract
from contract import Array, Conv
from naive.windows import starts


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
) -> Array:
    """Convolve a batch of images with K filters.

    ``y[n,k,i,j] = sum(x[n, channels of k, i*S : i*S+reach : D, j*S : j*S+reach : D] * weight[k]) + bias[k]``

    Shapes: x (N, C, H, W) or (C, H, W); weight (K, C/groups, R, S); bias (K,) or None; result (N, K, P, Q) or (K, P, Q), with
    ``P = (H - reach + top + bottom)/stride + 1`` and ``reach = dilation*(R - 1) + 1``, and likewise Q.

    Sizes (``stride``, ``padding``, ``dilation``) are in pixels, an int or (height, width); ``padding`` may also be
    ``((top, bottom), (left, right))``, ``"valid"`` or ``"same"``. ``rounding`` is ``"exact"`` or ``"floor"``.

    Raises TypeError for a wrong kind of value, ValueError for one that breaks a rule.

    Source: PyTorch's ``torch.nn.functional.conv2d``; the formula is that of the CS231n course notes.

    >>> conv2d([[[1, 2, 3], [4, 5, 6], [7, 8, 9]]], [[[[1, 0], [0, -1]]]], [10])  # 1 - 5 + 10, 2 - 6 + 10, ...
    array([[[6, 6],
            [6, 6]]])
    """
    a = contract.conv2d(x, weight, bias, stride, padding, dilation, groups, rounding)
    X, w, b = _carried(a)
    y = np.zeros(_output_shape(a), X.dtype)  # (N, K, P, Q)
    for n, k, i, j in product(*map(range, y.shape)):
        y[n, k, i, j] = np.sum(X[_window(a, n, k, i, j)] * w[k], dtype=X.dtype) + b[k]
    return _result(a, y)


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

    Each output cell read one window; so its gradient g flows back through that window:
    ``grad_x[window] += g * weight[k]``, ``grad_weight[k] += g * x[window]``, ``grad_bias[k] += g``.
    (Complex: ``g * conj(...)``, as PyTorch's autograd has it.)

    Shapes: grad_output as the result of ``conv2d``; the gradients as x, weight and bias (K,). Options, units and errors
    are those of ``conv2d``.

    Source: PyTorch's autograd of ``conv2d``; the chain rule.

    >>> grad_x, grad_weight, grad_bias = conv2d_backward([[[1, 10]]], [[[1, 2, 3]]], [[[[4, 5]]]])
    >>> grad_x.tolist(), grad_weight.tolist(), grad_bias.tolist()  # 1*[4, 5, 0] + 10*[0, 4, 5]; 1*[1, 2] + 10*[2, 3]
    ([[[4, 45, 50]]], [[[[21, 32]]]], [11])
    """
    a = contract.conv2d(x, weight, None, stride, padding, dilation, groups, rounding)
    g = contract.gradient(grad_output, a.x, _output_shape(a), a.batched)
    X, w, grad_bias = _carried(a)
    g = g.astype(X.dtype)  # (N, K, P, Q)
    grad_X, grad_w = np.zeros_like(X), np.zeros_like(w)
    for n, k, i, j in product(*map(range, g.shape)):
        window = _window(a, n, k, i, j)
        grad_X[window] += g[n, k, i, j] * w[k].conj()
        grad_w[k] += g[n, k, i, j] * X[window].conj()
        grad_bias[k] += g[n, k, i, j]
    (top, _), (left, _) = a.padding
    grad_x = grad_X[:, :, top : top + a.x.shape[2], left : left + a.x.shape[3]]  # (N, C, H, W)
    return _result(a, grad_x), grad_w.astype(a.x.dtype), grad_bias.astype(a.x.dtype)


def _carried(a: Conv) -> tuple[Array, Array, Array]:
    """Return x zero-padded, the weight and the bias (zeros for None), in the dtype that carries the sums."""
    (N, C, H, W), ((top, bottom), (left, right)) = a.x.shape, a.padding
    dtype = contract.carrier(a.x.dtype)
    X = np.zeros((N, C, top + H + bottom, left + W + right), dtype)
    X[:, :, top : top + H, left : left + W] = a.x
    b = np.zeros(a.weight.shape[0], dtype) if a.bias is None else a.bias.astype(dtype)
    return X, a.weight.astype(dtype), b


def _output_shape(a: Conv) -> tuple[int, int, int, int]:
    """Return (N, K, P, Q), counting the window starts."""
    P, Q = (
        len(starts(axis, a.x.shape[2 + axis], a.weight.shape[2 + axis], a.stride[axis], a.padding[axis], d, a.rounding))
        for axis, d in enumerate(a.dilation)
    )
    contract.memory_fits("the result", (a.x.shape[0], a.weight.shape[0], P, Q), a.x.itemsize)
    return a.x.shape[0], a.weight.shape[0], P, Q


def _window(a: Conv, n: int, k: int, i: int, j: int) -> tuple[int, slice, slice, slice]:
    """Return the index of the receptive field of y[n, k, i, j] in the padded input: an image, (C/groups, R, S) cells."""
    K, depth, R, S = a.weight.shape
    (s_h, s_w), (d_h, d_w) = a.stride, a.dilation
    first = k // (K // a.groups) * depth  # filters are dealt to the groups in order, channels too
    rows = slice(i * s_h, i * s_h + contract.reach(R, d_h), d_h)
    columns = slice(j * s_w, j * s_w + contract.reach(S, d_w), d_w)
    return n, slice(first, first + depth), rows, columns


def _result(a: Conv, y: Array) -> Array:
    """Return the result in the dtype and with the number of dimensions that x came with."""
    y = y.astype(a.x.dtype)
    return y if a.batched else y[0]
