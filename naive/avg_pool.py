"""Average pooling as loops: every output cell is the mean of the values under one window. No shortcuts, no speed.

    y[n, c, i, j] = sum(x[n, c, p, q]) / divisor   over the window's cells (p, q) that lie inside the image

The divisor is the window's cells, counted with the padding or without it, or a number of the caller's.

Letters: N images, C channels, H×W pixels, R×S taps, P×Q output cells.
"""

from itertools import product
from typing import Any

import numpy as np

import contract
from contract import Array, Pool
from naive.windows import starts


@np.errstate(all="ignore")  # NaN and Inf are results here, not warnings
def avg_pool2d(
    x: Any,
    kernel_size: Any,
    *,
    stride: Any = None,
    padding: Any = 0,
    rounding: Any = "exact",
    count_include_pad: Any = True,
    divisor_override: Any = None,
) -> Array:
    """Take the mean of the values under each window.

    ``y[n,c,i,j] = sum(x[n,c,p,q]) / divisor`` over the window's cells (p, q) inside the image

    Shapes: x (N, C, H, W) or (C, H, W), of a float dtype or object; result (N, C, P, Q) or (C, P, Q), with
    ``P = (H - R + 2*padding)/stride + 1``, and likewise Q. The divisor is ``divisor_override``, or else the number of the
    window's cells: those inside the padded image if ``count_include_pad``, those inside the image if not.

    Sizes are in pixels, an int or (height, width); ``stride=None`` means ``kernel_size``; ``rounding`` is ``"exact"``,
    ``"floor"`` or ``"ceil"`` (a last, partial window that starts inside the input or its left/top padding).

    Raises TypeError for a wrong kind of value, ValueError for one that breaks a rule.

    Source: PyTorch's ``torch.nn.functional.avg_pool2d``.

    >>> avg_pool2d([[[1.0, 2.0, 5.0, 6.0], [4.0, 3.0, 8.0, 7.0]]], 2)  # 10/4, 26/4
    array([[[2.5, 6.5]]])
    """
    a, count, override = contract.avg_pool2d(x, kernel_size, stride, padding, rounding, count_include_pad, divisor_override)
    x = a.x.astype(contract.carrier(a.x.dtype))
    y = np.empty(_output_shape(a), x.dtype)  # (N, C, P, Q)
    for n, c, i, j in product(*map(range, y.shape)):
        window, divisor = _window(a, i, j, count, override)
        y[n, c, i, j] = np.sum(x[n, c, *window]) / divisor
    y = y.astype(a.x.dtype)
    return y if a.batched else y[0]


@np.errstate(all="ignore")
def avg_pool2d_backward(
    grad_output: Any,
    x: Any,
    kernel_size: Any,
    *,
    stride: Any = None,
    padding: Any = 0,
    rounding: Any = "exact",
    count_include_pad: Any = True,
    divisor_override: Any = None,
) -> Array:
    """Return the gradient of ``avg_pool2d`` with respect to x.

    Each cell of a window had the same share in its mean, so: ``grad_x[window] += g / divisor``.

    Shapes: grad_output as the result of ``avg_pool2d``; the gradient as x. Options, units and errors are those of
    ``avg_pool2d``.

    Source: PyTorch's autograd of ``avg_pool2d``; the chain rule.

    >>> avg_pool2d_backward([[[2.0, 20.0]]], [[[1.0, 7.0, 2.0]]], (1, 2), stride=1)  # 2/2, 2/2 + 20/2, 20/2
    array([[[ 1., 11., 10.]]])
    """
    a, count, override = contract.avg_pool2d(x, kernel_size, stride, padding, rounding, count_include_pad, divisor_override)
    g = contract.gradient(grad_output, a.x, _output_shape(a), a.batched)
    grad_x = np.zeros(a.x.shape, contract.carrier(a.x.dtype))  # (N, C, H, W)
    g = g.astype(grad_x.dtype)
    for n, c, i, j in product(*map(range, g.shape)):
        window, divisor = _window(a, i, j, count, override)
        grad_x[n, c, *window] += g[n, c, i, j] / divisor
    grad_x = grad_x.astype(a.x.dtype)
    return grad_x if a.batched else grad_x[0]


def _window(a: Pool, i: int, j: int, count_include_pad: bool, override: int | None) -> tuple[tuple[slice, slice], int]:
    """Return the window of y[:, :, i, j] as an index into the image, and its divisor."""
    inside, padded_cells, cells = [], 1, 1
    for axis, place in enumerate((i, j)):
        size, (low, high) = a.x.shape[2 + axis], a.padding[axis]
        first = place * a.stride[axis] - low
        last = min(first + a.kernel[axis], size + high)  # a last, partial window ends where the padded image ends
        inside.append(slice(max(first, 0), min(last, size)))
        padded_cells *= last - first
        cells *= min(last, size) - max(first, 0)
    divisor = padded_cells if count_include_pad else cells
    return (inside[0], inside[1]), divisor if override is None else override


def _output_shape(a: Pool) -> tuple[int, int, int, int]:
    """Return (N, C, P, Q), counting the window starts: never more of them than padded pixels, which are known to fit."""
    P, Q = (
        len(starts(axis, a.x.shape[2 + axis], a.kernel[axis], a.stride[axis], a.padding[axis], d, a.rounding))
        for axis, d in enumerate(a.dilation)
    )
    return a.x.shape[0], a.x.shape[1], P, Q
