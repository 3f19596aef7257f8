"""Max pooling as running maxima: first along the rows of each window, then along what is left, in place of R*S comparisons.

    max over (r, s)  =  max over s of (max over r)          R + S comparisons for each cell, each over a whole plane at once

The first maximum in row-major order wins; NaN beats every number, and the last NaN wins.

Letters: N images, C channels, H×W pixels, R×S taps, P×Q output cells.
"""

from typing import Any, Literal, overload

import numpy as np

import contract
from contract import Array, Pool
from vectorized.windows import meeting, output_sizes

BLOCK_BYTES = 2**20  # planes are pooled a few at a time, so that the rows' maxima are still in the cache for the columns'


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
@np.errstate(all="ignore")  # NaN is a result here, not a warning
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
    y = np.empty(shape, a.x.dtype)  # (N, C, P, Q)
    if wanted or a.x.dtype == object:  # Python's objects have no np.maximum that knows NaN
        indices = np.empty(shape, np.int64)
        _maxima_and_indices(a, y, indices)
        y, indices = (y, indices) if a.batched else (y[0], indices[0])
        return (y, indices) if wanted else y
    _maxima(a, y)
    return y if a.batched else y[0]


@np.errstate(all="ignore")
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
    winners = np.empty(g.shape, np.int64)
    _maxima_and_indices(a, np.empty(g.shape, a.x.dtype), winners)
    N, C, H, W = a.x.shape
    grad_x = np.zeros(a.x.shape, contract.carrier(a.x.dtype))  # (N, C, H, W)
    planes = np.arange(N * C).reshape(N, C, 1, 1) * (H * W)
    sees = winners >= 0  # not the windows that saw nothing but padding
    np.add.at(
        grad_x.reshape(-1), (winners + planes)[sees], g[sees].astype(grad_x.dtype, copy=False)
    )  # windows may share a winner
    grad_x = grad_x.astype(a.x.dtype, copy=False)
    return grad_x if a.batched else grad_x[0]


def _maxima(a: Pool, y: Array) -> None:
    """Fill y (N, C, P, Q): the maxima of each window's rows, then of what is left of its columns."""
    (N, C, H, W), (P, Q), lowest = a.x.shape, y.shape[2:], contract.lowest(a.x.dtype)
    some = max(1, BLOCK_BYTES // max(1, W * (H + P) * y.itemsize))  # channels at a time
    buffer = np.empty((min(some, C), P, W), y.dtype)
    for n in range(N):
        for c in range(0, C, some):
            planes, out = a.x[n, c : c + some], y[n, c : c + some]
            rows = buffer[: len(out)]
            _run(planes, rows, _taps(a, 0, H, P), lowest)
            _run(rows.swapaxes(1, 2), out.swapaxes(1, 2), _taps(a, 1, W, Q), lowest)


def _run(x: Array, y: Array, taps: list[tuple[slice, slice]], lowest: Any) -> None:
    """Fill y (C, P, ...) with the maxima over the taps of x (C, H, ...), along the first of its two sides."""
    whole = next((tap for tap in taps if tap[0] == slice(0, y.shape[1])), None)  # a tap that every window meets
    if whole is None:
        y.fill(lowest)
    elif len(taps) > 1 and (other := next((t for t in taps if t[0] == whole[0] and t is not whole), None)):
        np.maximum(x[:, whole[1]], x[:, other[1]], out=y)  # two such taps: nothing to copy
        taps = [t for t in taps if t is not other]
    else:
        np.copyto(y, x[:, whole[1]])
    for windows, cells in (t for t in taps if t is not whole):
        np.maximum(y[:, windows], x[:, cells], out=y[:, windows])


def _taps(a: Pool, axis: int, size: int, count: int) -> list[tuple[slice, slice]]:
    """Return, for each tap of one axis, the windows that meet the image with it and the cells where they do."""
    offsets = (r * a.dilation[axis] - a.padding[axis][0] for r in range(a.kernel[axis]))
    return [meeting(size, count, a.stride[axis], offset) for offset in offsets]


def _maxima_and_indices(a: Pool, y: Array, indices: Array) -> None:
    """Fill y and indices (N, C, P, Q), tap after tap in row-major order, so that the first maximum stays."""
    (H, W), (P, Q) = a.x.shape[2:], y.shape[2:]
    y.fill(contract.lowest(a.x.dtype))
    indices.fill(-1)
    for p, row in _taps(a, 0, H, P):
        for q, column in _taps(a, 1, W, Q):
            values, best, place = a.x[:, :, row, column], y[:, :, p, q], indices[:, :, p, q]
            better = values > best
            better |= place < 0  # the first cell that a window sees, be it the lowest
            if a.x.dtype.kind in "fO":
                better |= np.not_equal(values, values)  # NaN alone differs from itself
            np.copyto(best, values, where=better)
            np.copyto(place, _flat(row, column, W), where=better)


def _flat(row: slice, column: slice, width: int) -> Array:
    """Return the places ``p*W + q`` of a grid of cells."""
    rows, columns = (np.arange(s.start, s.stop, s.step) for s in (row, column))
    return rows[:, np.newaxis] * width + columns


def _output_shape(a: Pool) -> tuple[int, int, int, int]:
    """Return (N, C, P, Q), by the output-size formula."""
    shape = (*a.x.shape[:2], *output_sizes(a.x, a.kernel, a.stride, a.padding, a.dilation, a.rounding))
    contract.memory_fits("the result", shape, a.x.itemsize)
    return shape
