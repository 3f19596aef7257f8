"""Max pooling as loops: every output cell is the largest value under one window. No shortcuts, no speed.

    y[n, c, i, j] = max(x[n, c, p, q])   over the window's cells (p, q) that lie inside the image

The first maximum in row-major order wins; NaN beats every number, and the last NaN wins.

Letters: N images, C channels, H×W pixels, R×S taps, P×Q output cells.
"""

from itertools import product
from typing import Any, Literal, overload

import numpy as np

import contract
from contract import Array, Pool
from naive.windows import starts


@overload
def max_pool2d(
    x: Any, kernel_size: Any, *, stride: Any = ..., padding: Any = ..., dilation: Any = ..., rounding: Any = ...
) -> Array: ...
@overload
def max_pool2d(
    x: Any,
    kernel_size: Any,
    *,
    stride: Any = ...,
    padding: Any = ...,
    dilation: Any = ...,
    rounding: Any = ...,
    return_indices: Literal[True],
) -> tuple[Array, Array]: ...
@overload
def max_pool2d(
    x: Any,
    kernel_size: Any,
    *,
    stride: Any = ...,
    padding: Any = ...,
    dilation: Any = ...,
    rounding: Any = ...,
    return_indices: Any,
) -> Any: ...
def max_pool2d(
    x: Any,
    kernel_size: Any,
    *,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    rounding: Any = "exact",
    return_indices: Any = False,
) -> Any:
    """Take the largest value under each window.

    ``y[n,c,i,j] = max(x[n,c,p,q])`` over the window's cells (p, q) inside the image

    Shapes: x (N, C, H, W) or (C, H, W); result (N, C, P, Q) or (C, P, Q), with
    ``P = (H - reach + 2*padding)/stride + 1`` and ``reach = dilation*(R - 1) + 1``, and likewise Q. With
    ``return_indices``, also where each maximum stands: int64, ``p*W + q``; -1 for a window that sees no cell at all (its
    value is the dtype's lowest).

    Sizes are in pixels, an int or (height, width); ``stride=None`` means ``kernel_size``; ``rounding`` is ``"exact"``,
    ``"floor"`` or ``"ceil"`` (a last, partial window that starts inside the input or its left/top padding).

    Raises TypeError for a wrong kind of value, ValueError for one that breaks a rule.

    Source: PyTorch's ``torch.nn.functional.max_pool2d``.

    >>> max_pool2d([[[1, 2, 5, 6], [4, 3, 8, 7]]], 2, return_indices=True)  # indices: row 1 starts at 4
    (array([[[4, 8]]]), array([[[4, 6]]]))
    """
    a = contract.max_pool2d(x, kernel_size, stride, padding, dilation, rounding)
    wanted = contract.flag("return_indices", return_indices)
    shape = _output_shape(a)
    y, indices = np.empty(shape, a.x.dtype), np.empty(shape, np.int64)  # (N, C, P, Q)
    for n, c, i, j in product(*map(range, shape)):
        y[n, c, i, j], indices[n, c, i, j] = _largest(a, n, c, i, j)
    if not a.batched:
        y, indices = y[0], indices[0]
    return (y, indices) if wanted else y


@np.errstate(all="ignore")  # wrapping integers are results here, not warnings
def max_pool2d_backward(
    grad_output: Any,
    x: Any,
    kernel_size: Any,
    *,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    rounding: Any = "exact",
) -> Array:
    """Return the gradient of ``max_pool2d`` with respect to x.

    Each output cell was copied from one input cell, so its gradient goes to that cell: ``grad_x[winner] += g``.

    Shapes: grad_output as the result of ``max_pool2d``; the gradient as x. Options, units and errors are those of
    ``max_pool2d``.

    Source: PyTorch's autograd of ``max_pool2d``; the chain rule.

    >>> max_pool2d_backward([[[1, 10]]], [[[1, 7, 2]]], (1, 2), stride=1)  # 7 won both windows
    array([[[ 0, 11,  0]]])
    """
    a = contract.max_pool2d(x, kernel_size, stride, padding, dilation, rounding)
    g = contract.gradient(grad_output, a.x, _output_shape(a), a.batched)
    grad_x = np.zeros(a.x.shape, contract.carrier(a.x.dtype))  # (N, C, H, W)
    for n, c, i, j in product(*map(range, g.shape)):
        _, winner = _largest(a, n, c, i, j)
        if winner >= 0:
            grad_x[n, c, winner // a.x.shape[3], winner % a.x.shape[3]] += g[n, c, i, j]
    grad_x = grad_x.astype(a.x.dtype)
    return grad_x if a.batched else grad_x[0]


def _largest(a: Pool, n: int, c: int, i: int, j: int) -> tuple[Any, int]:
    """Return the largest value under the window of y[n, c, i, j], and its flat place in the H×W plane."""
    (R, S), (H, W), ((top, _), (left, _)) = a.kernel, a.x.shape[2:], a.padding
    best, winner = contract.lowest(a.x.dtype), -1
    for r, s in product(range(R), range(S)):
        p, q = i * a.stride[0] + r * a.dilation[0] - top, j * a.stride[1] + s * a.dilation[1] - left
        if 0 <= p < H and 0 <= q < W:
            value = a.x[n, c, p, q]
            if winner == -1 or value > best or value != value:  # noqa: PLR0124 - NaN alone differs from itself
                best, winner = value, p * W + q
    return best, winner


def _output_shape(a: Pool) -> tuple[int, int, int, int]:
    """Return (N, C, P, Q), counting the window starts: never more of them than padded pixels, which are known to fit."""
    P, Q = (
        len(starts(axis, a.x.shape[2 + axis], a.kernel[axis], a.stride[axis], a.padding[axis], d, a.rounding))
        for axis, d in enumerate(a.dilation)
    )
    return a.x.shape[0], a.x.shape[1], P, Q
