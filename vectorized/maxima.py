"""Where maxima stand: which tap of its window is the first to hold each.

    first row whose maximum is the largest, then the first column of that row that holds it:  tap = r*S + s

That is the first maximum in row-major order, in R + S comparisons for each cell in place of R*S, each over a whole row of
planes at once (see ``running``). What is kept of a tap is the way to it from its window's first cell, one small number. Where
there is a NaN, or an object of Python's, or a window that sees nothing larger than what pads it, the taps are gone through
one by one.

Letters: n images, c channels, H×W pixels, R×S taps, P×Q output cells.
"""

import numpy as np

from contract import Array, Pool, lowest
from vectorized.running import axis_taps, doubled, laid, picked, room


def maxima_and_places(a: Pool, x: Array, y: Array, places: Array) -> None:
    """Fill y and places (n, c, P, Q) for x (n, c, H, W): the maxima, and where they stand in the H×W plane; -1 for nowhere."""
    if x.dtype == object:
        _one_by_one(a, x, y, places)
        return
    size, padded = room(a, y.shape[2:]), x.dtype
    if size != x.shape[2:] and x.dtype.kind in "iu" and x.itemsize < 8:
        padded = np.dtype(np.int64)  # which has numbers below those of x, unless x has the same
    start, across, down = lowest(padded), a.dilation[1], a.dilation[0] * size[1]
    row = laid(a, x, padded, start, size)
    of_rows = doubled(np.maximum, row, a.kernel[1], across)  # from each cell on, the maximum of its S neighbours beside
    best = doubled(np.maximum, of_rows, a.kernel[0], down)  # and of R of those below each other
    largest = y if y.dtype == padded else np.empty(y.shape, padded)
    largest[...] = picked(a, best, y.shape, size)
    if (x.dtype.kind == "f" and np.isnan(largest.max())) or (size != x.shape[2:] and largest.min() == start):
        _one_by_one(a, x, y, places)
        return
    if largest is not y:
        y[...] = largest
    ways = _first_row(a, of_rows, best, _first_column(a, row, of_rows, across), down)
    (s_h, s_w), ((above, _), (left, _)), (P, Q) = a.stride, a.padding, y.shape[2:]
    rows = (np.arange(P) * (s_h if P > 1 else 0) - above) * x.shape[3]  # one window takes no step, however huge
    columns = np.arange(Q) * (s_w if Q > 1 else 0) - left
    places[...] = picked(a, ways, y.shape, size)
    places += rows[:, np.newaxis] + columns


def _way(a: Pool, r: int, s: int) -> int:
    """Return how far tap (r, s) of a window stands from its first tap in the H×W plane."""
    return r * a.dilation[0] * int(a.x.shape[3]) + s * a.dilation[1]


def _first_column(a: Pool, row: Array, largest: Array, apart: int) -> Array:
    """Return, for each place of a row, the way to the first of its S neighbours that is the largest."""
    R, S = a.kernel
    dtype = np.min_scalar_type(_way(a, R - 1, S - 1))
    if S == 1:
        return np.zeros(largest.size, dtype)
    missing = row[: largest.size] != largest
    number = missing.astype(np.min_scalar_type(S))
    for s in range(1, S - 1):  # if it is none of these, it is the last
        missing &= row[s * apart : s * apart + largest.size] != largest
        number += missing.view(np.uint8)
    ways: Array = number.astype(dtype, copy=False)
    return ways if apart == 1 else ways * dtype.type(apart)


def _first_row(a: Pool, of_rows: Array, largest: Array, columns: Array, apart: int) -> Array:
    """Return, for each place, the way to the first tap that is the largest, by that of the first in each of its R rows."""
    R, S = a.kernel
    in_order = R == 1 or _way(a, 0, S - 1) < _way(a, 1, 0)  # every way to a row is longer than those to the row before

    def of_row(r: int) -> Array:
        below = slice(r * apart, r * apart + largest.size)
        ways: Array = columns[below] + columns.dtype.type(_way(a, r, 0))
        if r < R - 1 or not in_order:  # if it is in no row before, it is in the last
            other = (of_rows[below] != largest).view(np.uint8).astype(ways.dtype, copy=False)
            ways |= np.negative(other, out=other)  # all bits where it is not the largest: no way is longer
        return ways

    ways = of_row(R - 1)
    for r in range(R - 1):
        np.minimum(ways, of_row(r), out=ways)
    return ways


def _one_by_one(a: Pool, x: Array, y: Array, places: Array) -> None:
    """Do the work of ``maxima_and_places`` for anything, tap by tap."""
    y.fill(lowest(x.dtype))
    places.fill(-1)
    for p, row in axis_taps(a, 0, y.shape[2]):
        for q, column in axis_taps(a, 1, y.shape[3]):
            values, best, place = x[:, :, row, column], y[:, :, p, q], places[:, :, p, q]
            better = values > best
            better |= place < 0  # the first cell that a window sees, be it the lowest
            better |= np.not_equal(values, values)  # NaN alone differs from itself
            np.copyto(best, values, where=better)
            np.copyto(place, _flat(row, column, x.shape[3]), where=better)


def _flat(row: slice, column: slice, width: int) -> Array:
    """Return the places ``p*W + q`` of a grid of cells."""
    rows, columns = (np.array(range(s.start, s.stop, s.step or 1), np.int64) for s in (row, column))  # a step may be huge
    return np.asarray(rows[:, np.newaxis] * width + columns)
