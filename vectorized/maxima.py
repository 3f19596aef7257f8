"""Where maxima stand: which tap of its window is the first to hold each.

    first row whose maximum is the largest, then the first column of that row that holds it:  tap = r*S + s

That is the first maximum in row-major order, in R + S comparisons for each cell in place of R*S, each over a whole row of
planes at once (see ``running``). A tap is one small number. Where there is a NaN, or an object of Python's, or a window that
sees nothing larger than what pads it, the taps are gone through one by one.

Letters: n images, c channels, H×W pixels, R×S taps, P×Q output cells.
"""

import numpy as np

from contract import Array, Pool, lowest
from vectorized.running import axis_taps, doubled, laid, picked, room


def maxima_and_places(a: Pool, x: Array, y: Array, places: Array) -> None:
    """Fill y and places (n, c, P, Q) for x (n, c, H, W): the maxima, and where they stand in the H×W plane; -1 for nowhere."""
    if x.dtype == object or (x.dtype.kind == "f" and np.isnan(x.max())):
        _one_by_one(a, x, y, places)
        return
    size, padded = room(a, y.shape[2:]), x.dtype
    if size != x.shape[2:] and x.dtype.kind in "iu" and x.itemsize < 8:
        padded = np.dtype(np.int64)  # which has numbers below those of x, unless x has the same
    start, across, down = lowest(padded), a.dilation[1], a.dilation[0] * size[1]
    row = laid(a, x, padded, start, size)
    of_rows = doubled(np.maximum, row, a.kernel[1], across)  # from each cell on, the maximum of its S neighbours beside
    best = doubled(np.maximum, of_rows, a.kernel[0], down)  # and of R of those below each other
    largest = picked(a, best, y.shape, size)
    if size != x.shape[2:] and (largest == start).any():
        _one_by_one(a, x, y, places)
        return
    y[...] = largest
    taps = _first_row(of_rows, best, _first_column(row, of_rows, a, across), a, down)
    _to_places(a, np.ascontiguousarray(picked(a, taps, y.shape, size)), places)


def _first_column(row: Array, largest: Array, a: Pool, apart: int) -> Array:
    """Return, for each place of a row, the number of the first of its S neighbours that is the largest."""
    missing = np.ones(largest.size, bool)
    number = np.zeros(largest.size, np.min_scalar_type(a.kernel[0] * a.kernel[1]))  # it will hold a tap
    for s in range(a.kernel[1] - 1):  # if it is none of these, it is the last
        missing &= row[s * apart : s * apart + largest.size] != largest
        number += missing.view(np.uint8)
    return number


def _first_row(of_rows: Array, largest: Array, columns: Array, a: Pool, apart: int) -> Array:
    """Return, for each place, the tap of the first of its R neighbours below that is the largest, by its column."""
    R, S = a.kernel
    rows = [slice(r * apart, r * apart + largest.size) for r in range(R)]
    taps: Array = columns[rows[-1]] + columns.dtype.type((R - 1) * S)
    for r in range(R - 1):
        other = (of_rows[rows[r]] != largest).view(np.uint8).astype(taps.dtype, copy=False)
        np.negative(other, out=other)  # all bits where it is not the largest: more than any tap
        other |= columns[rows[r]] + taps.dtype.type(r * S)
        np.minimum(taps, other, out=taps)
    return taps


def _to_places(a: Pool, taps: Array, places: Array) -> None:
    """Fill places (n, c, P, Q) with where the taps of windows stand in the H×W plane."""
    (R, S), (P, Q), W = a.kernel, places.shape[2:], a.x.shape[3]
    (d_h, d_w), (s_h, s_w), ((above, _), (left, _)) = a.dilation, a.stride, a.padding
    rows, columns = np.arange(R) * (d_h if R > 1 else 0), np.arange(S) * (d_w if S > 1 else 0)  # one tap, however huge
    np.take((rows[:, np.newaxis] * W + columns).reshape(-1), taps, out=places, mode="clip")
    places += (np.arange(P) * (s_h if P > 1 else 0) - above)[:, np.newaxis] * W + np.arange(Q) * (s_w if Q > 1 else 0) - left


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
    rows, columns = (np.arange(s.start, s.stop, s.step) for s in (row, column))
    return np.asarray(rows[:, np.newaxis] * width + columns)
