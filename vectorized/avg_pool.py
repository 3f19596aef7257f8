"""Average pooling as running sums: first along the rows of each window, then along what is left, in place of R*S additions.

    sum over (r, s)  =  sum over s of (sum over r)          R + S additions for each cell, each over a whole plane at once

The divisor is the window's cells, counted with the padding or without it, or a number of the caller's.

Letters: N images, C channels, H×W pixels, R×S taps, P×Q output cells.
"""

from typing import Any

import numpy as np

import contract
from contract import Array, Pool
from vectorized.threads import each
from vectorized.windows import meeting, output_sizes

Block = tuple[int, slice]  # an image, some of its channels
BLOCK_BYTES = 2**20  # planes are pooled a few at a time, so that the rows' sums are still in the cache for the columns'


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
    y = np.zeros(_output_shape(a), contract.carrier(a.x.dtype))  # (N, C, P, Q)
    (N, C, H, W), (P, Q) = a.x.shape, y.shape[2:]
    divisors = _divisors(a, (P, Q), count, override)  # (P, Q)
    down, across = _taps(a, 0, H, P), _taps(a, 1, W, Q)
    if (P, Q) == (1, 1):  # a single window, above all a global pool: its cells lie together, and one sum does
        y[:, :, 0, 0] = a.x[:, :, : a.kernel[0] - a.padding[0][0], : a.kernel[1] - a.padding[1][0]].sum((2, 3), y.dtype)
        y /= divisors
        return _result(a, y)

    def pool(block: Block) -> None:
        planes, out = a.x[block], y[block]
        rows = np.zeros((*out.shape[:2], W), y.dtype)
        for windows, cells in down:
            rows[:, windows] += planes[:, cells]
        for windows, cells in across:
            out[:, :, windows] += rows[:, :, cells]
        out /= divisors

    each(pool, _blocks(N, C, W * (H + P) * y.itemsize), a.x.nbytes)
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
    grad_x = np.zeros(a.x.shape, contract.carrier(a.x.dtype))  # (N, C, H, W)
    (N, C, H, W), (P, Q) = a.x.shape, g.shape[2:]
    divisors = _divisors(a, (P, Q), count, override)  # (P, Q)
    down, across = _taps(a, 0, H, P), _taps(a, 1, W, Q)
    if (P, Q) == (1, 1):
        grad_x[:, :, : a.kernel[0] - a.padding[0][0], : a.kernel[1] - a.padding[1][0]] = g.astype(grad_x.dtype) / divisors
        return _result(a, grad_x)

    def give_back(block: Block) -> None:
        out, shares = grad_x[block], g[block].astype(grad_x.dtype) / divisors
        rows = np.zeros((len(out), P, W), grad_x.dtype)
        for windows, cells in across:
            rows[:, :, cells] += shares[:, :, windows]
        for windows, cells in down:
            out[:, cells] += rows[:, windows]

    each(give_back, _blocks(N, C, W * (H + P) * grad_x.itemsize), a.x.nbytes)
    return _result(a, grad_x)


def _divisors(a: Pool, count: tuple[int, int], count_include_pad: bool, override: int | None) -> Array:
    """Return what each window's sum is divided by, (P, Q): a product of one number a row and one a column."""
    if override is not None:
        return _of(a, np.full(count, override, object))
    lengths = []
    for axis in (0, 1):
        size, (low, high) = a.x.shape[2 + axis], a.padding[axis]
        first = np.arange(count[axis]) * (a.stride[axis] if count[axis] > 1 else 1) - low
        last = np.minimum(first + a.kernel[axis], size + high)  # a last, partial window ends where the padded image ends
        lengths.append(last - first if count_include_pad else np.minimum(last, size) - np.maximum(first, 0))
    return _of(a, lengths[0][:, np.newaxis] * lengths[1])


def _of(a: Pool, divisors: Array) -> Array:
    """Return the divisors in the dtype that carries the sums; for objects, as Python integers."""
    return divisors.astype(contract.carrier(a.x.dtype))


def _blocks(images: int, channels: int, plane_bytes: int) -> list[Block]:
    """Return blocks of some channels of one image, of about BLOCK_BYTES."""
    some = max(1, BLOCK_BYTES // plane_bytes)
    return [(n, slice(c, min(c + some, channels))) for n in range(images) for c in range(0, channels, some)]


def _taps(a: Pool, axis: int, size: int, count: int) -> list[tuple[slice, slice]]:
    """Return, for each tap of one axis, the windows that meet the image with it and the cells where they do."""
    offsets = (r - a.padding[axis][0] for r in range(a.kernel[axis]))
    return [meeting(size, count, a.stride[axis], offset) for offset in offsets]


def _output_shape(a: Pool) -> tuple[int, int, int, int]:
    """Return (N, C, P, Q), by the output-size formula."""
    shape = (*a.x.shape[:2], *output_sizes(a.x, a.kernel, a.stride, a.padding, a.dilation, a.rounding))
    contract.memory_fits("the result", shape, a.x.itemsize)
    return shape


def _result(a: Pool, y: Array) -> Array:
    """Return the result in the dtype and with the number of dimensions that x came with."""
    y = y.astype(a.x.dtype, copy=False)
    return y if a.batched else y[0]
