"""im2col and col2im: the linear map that makes a convolution one matrix product, and its exact adjoint.

    im2col   x (N, C, H, W)          ->  columns (N, C*R*S, P*Q)   every receptive field stretched into a column
    col2im   columns (N, C*R*S, P*Q) ->  x (N, C, H, W)            every column added back where it was read

With the filters as rows, (K, C*R*S), the product of rows and columns, (K, P*Q), is the whole convolution. Each pixel stands
in up to R*S columns: that is the memory this costs.

Letters: N images, C channels, H×W pixels, R×S taps, P×Q windows; a column has length C*R*S (the notes' F·F·C).
Source: Chellapilla, Puri, Simard, "High Performance Convolutional Neural Networks for Document Processing", 2006.
"""

from typing import Any

import numpy as np

import contract
from contract import Array, Pair, Sides
from vectorized.windows import meeting, output_sizes, windows


@np.errstate(all="ignore")
def im2col(x: Any, kernel_size: Any, *, stride: Any = 1, padding: Any = 0, dilation: Any = 1, rounding: Any = "exact") -> Array:
    """Stretch every receptive field of x into a column.

    ``columns[n, (c*R + r)*S + s, p*Q + q] = x[n, c, p*stride + r*dilation, q*stride + s*dilation]``, x zero-padded

    Shapes: x (N, C, H, W) or (C, H, W); result (N, C*R*S, P*Q) or (C*R*S, P*Q), as ``torch.nn.functional.unfold`` has it.
    Options, units and errors are those of ``conv2d``.

    >>> im2col([[[1, 2, 3], [4, 5, 6]]], 2)  # two windows, each a column of 2*2*1
    array([[1, 2],
           [2, 3],
           [4, 5],
           [5, 6]])
    """
    a = contract.unfolding(x, kernel_size, stride, padding, dilation, rounding)
    count = output_sizes(a.x.shape[2:], a.kernel, a.stride, a.padding, a.dilation, a.rounding)
    contract.memory_fits("the columns", (*a.x.shape[:2], *a.kernel, *count), a.x.itemsize)
    columns = stretch(zero_padded(a.x, a.padding, a.x.dtype), a.kernel, a.stride, a.dilation, count)
    N, C, R, S, P, Q = columns.shape
    columns = columns.reshape(N, C * R * S, P * Q)
    return columns if a.batched else columns[0]


@np.errstate(all="ignore")
def col2im(
    columns: Any,
    size: Any,
    kernel_size: Any,
    *,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    rounding: Any = "exact",
) -> Array:
    """Add every column back where ``im2col`` read it: the adjoint of im2col, so that sums of products agree.

    ``sum(im2col(x) * c) == sum(x * col2im(c))``

    ``x[n, c, p*stride + r*dilation, q*stride + s*dilation] += columns[n, (c*R + r)*S + s, p*Q + q]``, the padding dropped

    Shapes: columns (N, C*R*S, P*Q) or (C*R*S, P*Q); ``size`` is (H, W); result (N, C, H, W) or (C, H, W), as
    ``torch.nn.functional.fold`` has it. Options, units and errors are those of ``conv2d``.

    >>> col2im([[1, 2], [2, 3], [4, 5], [5, 6]], (2, 3), 2)  # the middle column was read twice
    array([[[ 1,  4,  3],
            [ 4, 10,  6]]])
    """
    (columns,) = contract.arrays(columns=columns)
    if columns.ndim not in (2, 3):
        raise ValueError(f"columns must have shape (N, C*R*S, P*Q) or (C*R*S, P*Q), got {columns.shape}")
    batched = columns.ndim == 3
    columns = columns if batched else columns[np.newaxis]
    taps = int(np.prod(contract.pair("kernel_size", kernel_size, 1), dtype=object))
    if columns.shape[1] == 0 or columns.shape[1] % taps:
        raise ValueError(f"columns has {columns.shape[1]} rows: not a positive multiple of R*S = {taps}")
    shape = (columns.shape[0], columns.shape[1] // taps, *contract.pair("size", size, 1))
    contract.memory_fits("the result", shape, columns.itemsize)
    x = np.broadcast_to(np.zeros((), columns.dtype), shape)
    a = contract.unfolding(x, kernel_size, stride, padding, dilation, rounding)
    count = output_sizes(a.x.shape[2:], a.kernel, a.stride, a.padding, a.dilation, a.rounding)
    if columns.shape[2] != count[0] * count[1]:
        raise ValueError(f"columns has {columns.shape[2]} columns, but there are P*Q = {count[0]}*{count[1]} windows")
    result = np.zeros(shape, contract.carrier(columns.dtype))
    add_back(columns.reshape(*shape[:2], *a.kernel, *count), result, a.stride, a.padding, a.dilation)
    result = result.astype(columns.dtype)
    return result if batched else result[0]


def zero_padded(x: Array, padding: Sides, dtype: np.dtype[Any]) -> Array:
    """Return x (N, C, H, W) with its zeros around it, in ``dtype``: x itself where there is nothing to do."""
    (top, bottom), (left, right) = padding
    if padding == ((0, 0), (0, 0)) and x.dtype == dtype:
        return x
    N, C, H, W = x.shape
    padded = np.zeros((N, C, top + H + bottom, left + W + right), dtype)
    padded[:, :, top : top + H, left : left + W] = x
    return padded


def stretch(x: Array, kernel: Pair, stride: Pair, dilation: Pair, count: Pair) -> Array:
    """Copy the windows of x (N, C, H, W), already padded, into (N, C, R, S, P, Q): one column for each window."""
    return windows(x, kernel, stride, dilation, count).copy()


def add_back(columns: Array, x: Array, stride: Pair, padding: Sides, dilation: Pair) -> None:
    """Add columns (..., R, S, P, Q) to x (..., H, W), unpadded, where they were read from: tap by tap, no window twice."""
    R, S, P, Q = columns.shape[-4:]
    (top, _), (left, _) = padding
    for r in range(R):
        p, row = meeting(x.shape[-2], P, stride[0], r * dilation[0] - top)
        for s in range(S):
            q, column = meeting(x.shape[-1], Q, stride[1], s * dilation[1] - left)
            x[..., row, column] += columns[..., r, s, p, q]
