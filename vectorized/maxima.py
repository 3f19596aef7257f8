"""The work of max pooling on blocks of planes: running maxima, and which tap won.

    max over (r, s)  =  max over s of (max over r)          R + S comparisons for each cell, each over a whole plane at once

A winner is kept as one small number, ``tap = r*S + s``, beside the maximum: the rows' winners first (the first row that
is strictly larger stays), then the columns' (larger, or as large and in an earlier tap), which together is the first maximum
in row-major order. Where there is a NaN, or an object of Python's, the taps are gone through one by one instead.

Letters: N images, C channels, H×W pixels, R×S taps, P×Q output cells; a tap of one axis is a pair of slices, the windows
that meet the image with it and the cells where they do.
"""

from collections.abc import Iterator

import numpy as np

from contract import Array, Pool, lowest
from vectorized.windows import meeting

BLOCK_BYTES = 2**21  # planes are pooled a few at a time, in the cache; with less, the threads wait for each other too often
Tap = tuple[slice, slice]
Block = tuple[slice, slice]  # some images, or some channels of one image


def axis_taps(a: Pool, axis: int, size: int, count: int) -> list[Tap]:
    """Return the taps of one axis: which windows meet the image, and where."""
    offsets = (r * a.dilation[axis] - a.padding[axis][0] for r in range(a.kernel[axis]))
    return [meeting(size, count, a.stride[axis], offset) for offset in offsets]


def plane_blocks(x: Array) -> Iterator[Block]:
    """Yield blocks of x (N, C, H, W) of some BLOCK_BYTES: several images, or several channels of one."""
    N, C, H, W = x.shape
    planes = max(1, BLOCK_BYTES // (H * W * x.itemsize))
    images = max(1, planes // C)
    for n in range(0, N, images):
        for c in range(0, C, planes if images == 1 else C):
            yield slice(n, n + images), slice(c, c + planes if images == 1 else C)


def maxima(x: Array, y: Array, rows: list[Tap], columns: list[Tap]) -> None:
    """Fill y (n, c, P, Q) with the maxima under the windows of x (n, c, H, W)."""
    between = np.empty((*y.shape[:3], x.shape[3]), y.dtype)  # (n, c, P, W)
    _run(x, between, rows)
    _run(between.swapaxes(2, 3), y.swapaxes(2, 3), columns)


def _run(x: Array, y: Array, taps: list[Tap]) -> None:
    """Fill y (n, c, P, ...) with the maxima over the taps of x (n, c, H, ...), along the first of its two sides."""
    whole = [tap for tap in taps if tap[0] == slice(0, y.shape[2])]  # taps that every window meets: nothing to fill first
    rest = [tap for tap in taps if tap[0] != slice(0, y.shape[2])]
    if len(whole) > 1:
        np.maximum(x[:, :, whole[0][1]], x[:, :, whole[1][1]], out=y)
    elif whole:
        np.copyto(y, x[:, :, whole[0][1]])
    else:
        y.fill(lowest(y.dtype))
    for windows, cells in whole[2:] + rest:
        np.maximum(y[:, :, windows], x[:, :, cells], out=y[:, :, windows])


def maxima_and_places(a: Pool, x: Array, y: Array, places: Array, rows: list[Tap], columns: list[Tap]) -> None:
    """Fill y and places (n, c, P, Q) for x (n, c, H, W): the maxima, and where they stand in the H×W plane; -1 for nowhere."""
    if x.dtype != object:
        _winners(a, x, y, places, rows, columns)
        if x.dtype.kind != "f" or not np.isnan(y).any():
            return
    y.fill(lowest(x.dtype))
    places.fill(-1)
    for p, row in rows:
        for q, column in columns:
            values, best, place = x[:, :, row, column], y[:, :, p, q], places[:, :, p, q]
            better = values > best
            better |= place < 0  # the first cell that a window sees, be it the lowest
            better |= np.not_equal(values, values)  # NaN alone differs from itself
            np.copyto(best, values, where=better)
            np.copyto(place, _flat(row, column, x.shape[3]), where=better)


def _winners(a: Pool, x: Array, y: Array, places: Array, rows: list[Tap], columns: list[Tap]) -> None:
    """Do the work of ``maxima_and_places`` for numbers without NaN."""
    (n, c, _, W), (P, Q), (R, S) = x.shape, y.shape[2:], a.kernel
    small = np.min_scalar_type(R * S).type  # holds a tap's number, r*S + s
    first_row, first_column = _first(rows, P), _first(columns, Q)
    best, winner = np.empty((n, c, P, W), x.dtype), np.empty((n, c, P, W), small)
    best.fill(lowest(x.dtype))
    winner[...] = (np.minimum(first_row, R - 1) * S)[:, np.newaxis]
    for r, (windows, cells) in enumerate(rows):
        values, top, tap = x[:, :, cells], best[:, :, windows], winner[:, :, windows]
        if r == 0 and top.shape == best.shape:
            np.copyto(best, values)  # every window meets its first row
            continue
        larger = np.greater(values, top)
        np.maximum(values, top, out=top)
        np.maximum(tap, larger * small(r * S), out=tap)  # r only grows: a later row wins by its number
    taps = np.empty(y.shape, small)
    y.fill(lowest(x.dtype))
    taps[...] = (np.minimum(first_row, R - 1) * S)[:, np.newaxis] + np.minimum(first_column, S - 1)
    for s, (windows, cells) in enumerate(columns):
        values, new = best[:, :, :, cells].copy(), winner[:, :, :, cells] + small(s)  # in one piece they compare faster
        top, tap = y[:, :, :, windows], taps[:, :, :, windows]
        if s == 0 and top.shape == y.shape:
            np.copyto(y, values)  # every window meets its first column
            np.copyto(taps, new)
            continue
        better = np.equal(values, top)
        better &= new < tap
        better |= values > top
        np.maximum(values, top, out=top)
        new -= tap
        new *= better
        tap += new  # tap becomes new where better: wrapping arithmetic in place of a masked copy, which is slower
    (d_h, d_w), (s_h, s_w), ((above, _), (left, _)) = a.dilation, a.stride, a.padding
    rows_of, columns_of = np.arange(R) * (d_h if R > 1 else 0), np.arange(S) * (d_w if S > 1 else 0)  # one tap, however huge
    offsets = (rows_of[:, np.newaxis] * W + columns_of).reshape(-1)
    np.take(offsets, taps, out=places, mode="clip")
    places += (np.arange(P) * (s_h if P > 1 else 0) - above)[:, np.newaxis] * W + np.arange(Q) * (s_w if Q > 1 else 0) - left
    places[:, :, first_row == R] = -1
    places[:, :, :, first_column == S] = -1


def _first(taps: list[Tap], count: int) -> Array:
    """Return, for each window along one axis, its first tap that meets the image; ``len(taps)`` if none does."""
    first = np.full(count, len(taps))
    for number, (windows, _) in reversed(list(enumerate(taps))):
        first[windows] = number
    return first


def _flat(row: slice, column: slice, width: int) -> Array:
    """Return the places ``p*W + q`` of a grid of cells."""
    rows, columns = (np.arange(s.start, s.stop, s.step) for s in (row, column))
    return np.asarray(rows[:, np.newaxis] * width + columns)
