"""Max pooling as running maxima: first along the rows of each window, then along what is left, in place of R*S comparisons.

    max over (r, s)  =  max over s of (max over r)          R + S comparisons for each cell, each over a whole plane at once

The work on planes is in ``maxima``. The first maximum in row-major order wins; NaN beats every number, and the last NaN wins.

Letters: N images, C channels, H×W pixels, R×S taps, P×Q output cells.
"""

from typing import Any, Literal, overload

import numpy as np

import contract
from contract import Array, Pool, lowest
from vectorized import buffers
from vectorized.maxima import maxima_and_places
from vectorized.running import Block, plane_blocks, pooled
from vectorized.threads import each
from vectorized.windows import output_sizes


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
    y = np.empty(_output_shape(a), a.x.dtype)  # (N, C, P, Q)
    if wanted or a.x.dtype == object:  # Python's objects have no np.maximum that knows NaN
        indices = _fill_with_indices(a, y)
        y, indices = (y, indices) if a.batched else (y[0], indices[0])
        return (y, indices) if wanted else y
    start = lowest(y.dtype)

    def pool(block: Block) -> None:
        out = y[block]
        largest = pooled(np.maximum, a, a.x[block], out, start)
        if largest is not out:
            out[...] = largest

    each(pool, plane_blocks(a, y.shape[2:], y.itemsize, a.x.nbytes), a.x.nbytes)
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
    winners = _fill_with_indices(a, np.empty(g.shape, a.x.dtype))
    grad_x = np.zeros(a.x.shape, contract.carrier(a.x.dtype))  # (N, C, H, W)
    g = g.astype(grad_x.dtype, copy=False)
    buffers.hold_small(grad_x.size)
    apart = all(s >= contract.reach(k, d) for s, k, d in zip(a.stride, a.kernel, a.dilation, strict=True))  # no shared cells

    def give_back(block: Block) -> None:
        planes, places = grad_x[block], winners[block]
        if max(a.dilation) > 1 and places.min() < 0:  # two taps, one on each side of the image: no window sees a cell
            return
        n, c, H, W = planes.shape
        places += np.arange(n * c).reshape(n, c, 1, 1) * (H * W)  # within the block
        flat = planes.reshape(-1)  # a view: a block is some whole images, or some channels of one
        where, what = places.reshape(-1), g[block].reshape(-1)
        if apart:
            flat[where] = what
        else:
            np.add.at(flat, where, what)  # windows may share a winner

    each(give_back, plane_blocks(a, g.shape[2:], grad_x.itemsize, grad_x.nbytes), grad_x.nbytes)
    grad_x = grad_x.astype(a.x.dtype, copy=False)
    return grad_x if a.batched else grad_x[0]


def _fill_with_indices(a: Pool, y: Array) -> Array:
    """Fill y (N, C, P, Q) with the maxima, and return their places, int64."""
    indices = np.empty(y.shape, np.int64)
    blocks = plane_blocks(a, y.shape[2:], y.itemsize, a.x.nbytes)
    each(lambda block: maxima_and_places(a, a.x[block], y[block], indices[block]), blocks, a.x.nbytes)
    return indices


def _output_shape(a: Pool) -> tuple[int, int, int, int]:
    """Return (N, C, P, Q), by the output-size formula."""
    shape = (*a.x.shape[:2], *output_sizes(a.x.shape[2:], a.kernel, a.stride, a.padding, a.dilation, a.rounding))
    contract.memory_fits("the result", shape, a.x.itemsize)
    return shape
