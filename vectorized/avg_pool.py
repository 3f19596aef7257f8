"""Average pooling as running sums: first along the rows of each window, then along what is left, in place of R*S additions.

    sum over (r, s)  =  sum over s of (sum over r)          R + S additions for each cell, each over a whole plane at once

The divisor is the window's cells, counted with the padding or without it, or a number of the caller's.

Letters: N images, C channels, H×W pixels, R×S taps, P×Q output cells.
"""

from typing import Any

import numpy as np

import contract
from contract import Array, Pool
from vectorized.running import Block, Tap, at, axis_taps, plane_blocks, pooled
from vectorized.threads import each
from vectorized.windows import output_sizes


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
    y = np.empty(_output_shape(a), contract.carrier(a.x.dtype))  # (N, C, P, Q)
    P, Q = y.shape[2:]
    divisors = _divisors(a, (P, Q), count, override)  # (P, Q), or one for all
    if _global(a) and a.x.dtype == y.dtype != object and a.x.flags.c_contiguous and y.size:  # planes lie as rows
        np.matmul(a.x.reshape(y.size, -1), np.ones(a.x[0, 0].size, y.dtype), out=y.reshape(-1))
        return _result(a, np.divide(y, divisors, out=y))

    def pool(block: Block) -> None:
        out = y[block]
        np.divide(pooled(np.add, a, a.x[block], out, 0), divisors, out=out)

    each(pool, plane_blocks(a, (P, Q), y.itemsize, a.x.nbytes), a.x.nbytes)
    return _result(a, y)


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
    grad_x = np.empty(a.x.shape, contract.carrier(a.x.dtype))  # (N, C, H, W)
    P, Q = g.shape[2:]
    divisors = _divisors(a, (P, Q), count, override)  # (P, Q), or one for all
    if _global(a):
        grad_x[...] = np.divide(g, divisors, dtype=grad_x.dtype)
        return _result(a, grad_x)
    down, across = axis_taps(a, 0, P), axis_taps(a, 1, Q)
    (R, S), (top, left) = a.kernel, (a.padding[0][0], a.padding[1][0])
    back = a._replace(padding=((R - 1 - top, R - 1 - top), (S - 1 - left, S - 1 - left)))  # the windows that a cell is in

    def give_back(block: Block) -> None:
        out = grad_x[block]
        parts = np.divide(g[block], divisors, dtype=out.dtype)  # (n, c, P, Q)
        if a.stride == (1, 1):
            sums = pooled(np.add, back._replace(x=parts), parts, out, 0)
            if sums is not out:
                out[...] = sums
            return
        rows = np.empty((*parts.shape[:3], out.shape[3]), out.dtype)  # (n, c, P, W)
        _give_back(a, 1, parts, rows, across)
        _give_back(a, 0, rows, out, down)

    each(give_back, plane_blocks(a, (P, Q), grad_x.itemsize, grad_x.nbytes), grad_x.nbytes)
    return _result(a, grad_x)


def _global(a: Pool) -> bool:
    """Return whether the only window is the image."""
    return a.kernel == a.x.shape[2:] and a.padding == ((0, 0), (0, 0))


def _give_back(a: Pool, axis: int, parts: Array, cells: Array, taps: tuple[Tap, ...]) -> None:
    """Fill ``cells`` with the sums of what the windows of an axis have for each of them, ``parts``."""
    apart = a.stride[axis] >= a.kernel[axis]  # no cell is in two windows
    if not apart or sum(windows.stop - windows.start for windows, _ in taps) < cells.shape[2 + axis]:
        cells[...] = 0
    for windows, where in taps:
        if apart:
            cells[at(axis, where)] = parts[at(axis, windows)]
        else:
            cells[at(axis, where)] += parts[at(axis, windows)]


def _divisors(a: Pool, count: tuple[int, int], count_include_pad: bool, override: int | None) -> Any:
    """Return what each window's sum is divided by: one number for all, or one for each, (P, Q)."""
    dtype = contract.carrier(a.x.dtype)
    if override is not None:
        return np.array(override, object).astype(dtype)[()]
    if a.rounding != "ceil" and (count_include_pad or a.padding == ((0, 0), (0, 0))):  # no window is cut off
        return np.array(a.kernel[0] * a.kernel[1], object).astype(dtype)[()]
    lengths = []
    for axis in (0, 1):
        size, (low, high) = a.x.shape[2 + axis], a.padding[axis]
        first = np.arange(count[axis]) * (a.stride[axis] if count[axis] > 1 else 1) - low
        last = np.minimum(first + a.kernel[axis], size + high)  # a last, partial window ends where the padded image ends
        lengths.append(last - first if count_include_pad else np.minimum(last, size) - np.maximum(first, 0))
    return (lengths[0][:, np.newaxis] * lengths[1]).astype(dtype)


def _output_shape(a: Pool) -> tuple[int, int, int, int]:
    """Return (N, C, P, Q), by the output-size formula."""
    shape = (*a.x.shape[:2], *output_sizes(a.x.shape[2:], a.kernel, a.stride, a.padding, a.dilation, a.rounding))
    contract.memory_fits("the result", shape, a.x.itemsize)
    return shape


def _result(a: Pool, y: Array) -> Array:
    """Return the result in the dtype and with the number of dimensions that x came with."""
    y = y.astype(a.x.dtype, copy=False)
    return y if a.batched else y[0]
