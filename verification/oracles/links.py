"""Which cell of an image each tap of each window reads: found by trying, one bounds check a tap.

    links[r] = (windows i, cells p)   for every i and p with   p = i*stride + r*dilation - low   and   0 <= p < size

There is no padded array here and no formula for the size of a result: windows are laid one after the other for as long as
their taps stay inside the image and its padding, and a transposed convolution is as large as the image that it undoes.
"""

from bisect import bisect_left
from typing import NamedTuple

import numpy as np

from contract import Array, Pair


class Axis(NamedTuple):
    """One axis of an image and the windows on it."""

    size: int  # cells of the image
    windows: int  # how many
    links: list[tuple[Array, Array]]  # for each tap: the windows whose tap lies inside the image, and the cells they read
    cells: Array  # (count,) how many cells of each window lie inside the image
    padded: Array  # (count,) how many lie inside the image and its padding


def conv_axis(size: int, kernel: int, stride: int, padding: Pair, dilation: int, rounding: str) -> Axis:
    """Lay windows on an axis for as long as they fit; ``"ceil"`` allows one more that starts inside the image.

    >>> conv_axis(5, kernel=3, stride=2, padding=(1, 0), dilation=1, rounding="floor").links[0]  # tap 0 reads -1, 1
    (array([1]), array([1]))
    """
    starts, end = _starts(size, kernel, stride, padding, dilation), size + padding[1]
    if not starts:
        raise ValueError(f"{kernel} taps, {dilation} apart, do not fit into {padding[0]} + {size} + {padding[1]} cells")
    after = starts[-1] + stride
    if rounding == "ceil" and starts[-1] + (kernel - 1) * dilation < end - 1 and after < size:  # something is left over
        starts.append(after)
    return _axis(size, starts, kernel, dilation, end)


def transposed_axis(count: int, kernel: int, stride: int, padding: Pair, dilation: int, extra: int) -> Axis:
    """Find the smallest image on which ``count`` windows fit, and add ``extra`` cells: what a transposed convolution gives."""
    low = high = 1 - sum(padding)  # an image smaller than nothing, whose padding makes up for it: extra cells may rescue it
    while len(_starts(high, kernel, stride, padding, dilation)) < count:
        low, high = high, 2 * high + sum(padding) + 1
    sizes = range(low, high + 1)
    size = sizes[bisect_left(sizes, count, key=lambda n: len(_starts(n, kernel, stride, padding, dilation)))] + extra
    if size < 1:
        raise ValueError(f"the padding {padding} leaves nothing of the result")
    return _axis(size, [i * stride - padding[0] for i in range(count)], kernel, dilation, size + padding[1])


def _starts(size: int, kernel: int, stride: int, padding: Pair, dilation: int) -> list[int]:
    """Return where windows start, in the image's coordinates, for as long as the last tap is in the image or its padding."""
    starts = []
    start = -padding[0]
    while start + (kernel - 1) * dilation < size + padding[1]:
        starts.append(start)
        start += stride
    return starts


def _axis(size: int, starts: list[int], kernel: int, dilation: int, end: int) -> Axis:
    links = []
    cells, padded = np.zeros(len(starts), np.int64), np.zeros(len(starts), np.int64)
    for r in range(kernel):
        pairs = [(i, start + r * dilation) for i, start in enumerate(starts) if 0 <= start + r * dilation < size]
        windows, reads = (
            (np.array(v, dtype=np.intp) for v in zip(*pairs, strict=True)) if pairs else (np.zeros(0, np.intp),) * 2
        )
        links.append((windows, reads))
        cells[windows] += 1
        padded += [start + r * dilation < end for start in starts]
    return Axis(size, len(starts), links, cells, padded)
