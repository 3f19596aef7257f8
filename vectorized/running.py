"""Windows of whole planes at once, one axis after the other: R + S steps in place of R*S, each a sum or a maximum.

    over (r, s)  =  over s of (over r)

There are two ways. ``taps`` goes through the taps of an axis: each of them, for all windows, is one slice. But a slice of
a narrow plane is many short runs, and NumPy pays for each run. So ``flat`` lays narrow planes, padding and all, end to end in
one row: what stands beside a cell is one place away, what stands below it one width, and each step is one long run. Where a
window wraps into the next row or plane the result is nonsense, and is not read. There, too, a window of 2R cells is two windows
of R, so that R cells take log2(R) steps.

Letters: n images, c channels, H×W pixels, R×S taps, P×Q windows. A tap is a pair of slices of equal length: the windows that
meet the image with it, and the cells where they do.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from contract import Array, Pair, Pool, Sides, reach
from vectorized.blocks import even_blocks
from vectorized.threads import shares
from vectorized.windows import meeting, strided

BLOCK_BYTES = 2**21  # measured: planes are pooled some at a time, so that what one step leaves is in the cache for the next
NARROW, FEW = 64, 4  # measured: up to this width, or from more taps than this on, ``flat`` is faster
Tap = tuple[slice, slice]
Block = tuple[slice, slice]  # some images, and some channels of theirs


def plane_blocks(a: Pool, count: Pair, itemsize: int, work: int) -> list[Block]:
    """Return blocks of a.x, of at most BLOCK_BYTES or one plane, and some for each thread if ``work`` bytes are worth it."""
    (N, C), (tall, wide) = a.x.shape[:2], room(a, count)
    return even_blocks(N, C, tall * wide * itemsize, BLOCK_BYTES, shares(work))


def room(a: Pool, count: Pair) -> Pair:
    """Return the height and width of a plane with all that ``count`` = (P, Q) windows reach into."""
    return _room(a.x.shape[2:], count, a.kernel, a.stride, a.padding, a.dilation)


@lru_cache(maxsize=4096)  # a network asks for the same ones again and again
def _room(size: tuple[int, ...], count: Pair, kernel: Pair, stride: Pair, padding: Sides, dilation: Pair) -> Pair:
    """Return the same by sizes alone."""
    tall, wide = (
        max((n - 1) * s + reach(k, d), cells + low)
        for cells, n, k, s, (low, _), d in zip(size, count, kernel, stride, padding, dilation, strict=True)
    )
    return tall, wide


def pooled(operation: np.ufunc, a: Pool, x: Array, y: Array, start: Any) -> Array:
    """Return ``operation``, a sum or a maximum, over each window of x (n, c, H, W): in y (n, c, P, Q), or as a view of a copy.

    ``start`` is what changes nothing, zero or the lowest number; a window that sees no cell gives that.
    """
    size = room(a, y.shape[2:])
    if y.dtype != object and (size[1] <= NARROW or max(a.kernel) > FEW):
        return flat(operation, a, x, y.shape, y.dtype, start, size)
    between = np.empty((*y.shape[:3], x.shape[3]), y.dtype)  # (n, c, P, W)
    taps(0, operation, x, between, axis_taps(a, 0, y.shape[2]), start)
    taps(1, operation, between, y, axis_taps(a, 1, y.shape[3]), start)
    return y


def flat(operation: np.ufunc, a: Pool, x: Array, shape: tuple[int, ...], dtype: np.dtype[Any], start: Any, size: Pair) -> Array:
    """Return the work of ``pooled`` on planes of a ``size`` that lie end to end in one row, as a view (n, c, P, Q) of that."""
    together = doubled if operation is np.maximum else halved
    row = together(operation, laid(a, x, dtype, start, size), a.kernel[1], a.dilation[1])
    row = together(operation, row, a.kernel[0], a.dilation[0] * size[1])
    return picked(a, row, shape, size)


def laid(a: Pool, x: Array, dtype: np.dtype[Any], start: Any, size: Pair) -> Array:
    """Return the planes of x (n, c, H, W) end to end in one row, each filled up to a ``size``: x itself where it is that."""
    (n, c, H, W), ((top, _), (left, _)) = x.shape, a.padding
    if size == (H, W) and x.dtype == dtype and x.flags.c_contiguous:
        return x.reshape(-1)
    planes = np.full((n, c, *size), start, dtype)
    planes[:, :, top : top + H, left : left + W] = x
    return planes.reshape(-1)


def picked(a: Pool, row: Array, shape: tuple[int, ...], size: Pair) -> Array:
    """Return the view (n, c, P, Q) of what stands in a row of planes where a window starts."""
    (_, c, P, Q), (tall, wide), item = shape, size, row.itemsize
    down, across = a.stride[0] if P > 1 else 0, a.stride[1] if Q > 1 else 0  # one window takes no step, however huge
    strides = (c * tall * wide * item, tall * wide * item, down * wide * item, across * item)
    return strided(row, shape, strides)


def doubled(operation: np.ufunc, row: Array, kernel: int, apart: int) -> Array:
    """Return, for each place, the maximum of ``kernel`` values ``apart`` from it on: windows overlap, maxima do not mind.

    >>> doubled(np.maximum, np.array([3, 1, 4, 1, 5, 9]), kernel=3, apart=1)  # pairs first: 3, 4, 4, 5, 9
    array([4, 4, 5, 9])
    """
    have = 1
    while have < kernel:
        more = min(have, kernel - have)
        row = operation(row[: row.size - more * apart], row[more * apart :])
        have += more
    return row


def halved(operation: np.ufunc, row: Array, kernel: int, apart: int) -> Array:
    """Return, for each place, the sum of ``kernel`` values ``apart`` from it on: of windows whose sizes are powers of two.

    >>> halved(np.add, np.array([3, 1, 4, 1, 5, 9]), kernel=3, apart=1)  # 3 and 1 + 4; 1 and 4 + 1; ...
    array([ 8,  6, 10, 15])
    """
    left, size, total, done = row.size - (kernel - 1) * apart, 1, None, 0
    while True:
        if kernel & size:
            part = row[done * apart : done * apart + left]
            total = part if total is None else operation(total, part)
            done += size
        if done == kernel and total is not None:
            return total
        row = operation(row[: row.size - size * apart], row[size * apart :])
        size *= 2


def axis_taps(a: Pool, axis: int, count: int) -> tuple[Tap, ...]:
    """Return, for each tap of one axis, which of its ``count`` windows meet the image with it, and where."""
    return _axis_taps(a.x.shape[2 + axis], count, a.kernel[axis], a.stride[axis], a.padding[axis][0], a.dilation[axis])


@lru_cache(maxsize=256)  # a window of a thousand taps leaves as many slices here
def _axis_taps(cells: int, count: int, kernel: int, stride: int, before: int, dilation: int) -> tuple[Tap, ...]:
    """Return the same by sizes alone."""
    return tuple(meeting(cells, count, stride, r * dilation - before) for r in range(kernel))


def taps(axis: int, operation: np.ufunc, x: Array, y: Array, some: Sequence[Tap], start: Any) -> None:
    """Fill y with ``operation`` over the taps of x along one axis (0 height, 1 width)."""
    everywhere = slice(0, y.shape[2 + axis])
    some = sorted(some, key=lambda tap: tap[0] != everywhere)  # first those that every window meets
    met = [tap for tap in some[:2] if tap[0] == everywhere]
    if len(met) == 2:
        operation(x[at(axis, met[0][1])], x[at(axis, met[1][1])], out=y, dtype=y.dtype)
    else:
        y[...] = x[at(axis, met[0][1])] if met else start
    for windows, cells in some[len(met) :]:
        operation(y[at(axis, windows)], x[at(axis, cells)], out=y[at(axis, windows)], dtype=y.dtype)


def at(axis: int, cells: slice) -> tuple[slice, ...]:
    """Return the index of some rows (axis 0) or columns (axis 1) of (N, C, H, W)."""
    return (*(slice(None),) * (2 + axis), cells)
