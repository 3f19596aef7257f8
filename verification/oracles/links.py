"""Which cell of an image each tap of each window reads: found by trying, one bounds check a tap.

    links[r] = (windows i, cells p)   for every i and p with   p = i*stride + r*dilation - low   and   0 <= p < size

There is no padded array here and no formula for the size of a result: windows are laid one after the other for as long as
their taps stay inside the image and its padding, and a transposed convolution is as large as the image that it undoes.
"""

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
    starts: list[int] = []
    end = size + padding[1]  # one past the last cell of the padding
    while True:
        taps = [len(starts) * stride + r * dilation - padding[0] for r in range(kernel)]
        if taps[-1] >= end:
            break
        starts.append(taps[0])
        last = taps[-1]
    if not starts:
        raise ValueError(
            f"a window of {kernel} taps, {dilation} apart, does not fit into {padding[0]} + {size} + {padding[1]} cells"
        )
    if rounding == "ceil" and last < end - 1 and taps[0] < size:  # something is left over, and the next window starts inside
        starts.append(taps[0])
    return _axis(size, starts, kernel, dilation, end)


def transposed_axis(count: int, kernel: int, stride: int, padding: Pair, dilation: int, extra: int) -> Axis:
    """Find the smallest image on which ``count`` windows fit, and add ``extra`` cells: what a transposed convolution gives."""
    size = 1 - sum(padding)  # an image smaller than nothing, whose padding makes up for it: extra cells may rescue it
    while size + sum(padding) < 1 + (kernel - 1) * dilation or _windows(size, kernel, stride, padding, dilation) < count:
        size += 1
    size += extra
    if size < 1:
        raise ValueError(f"the padding {padding} leaves nothing of the result")
    return _axis(size, [i * stride - padding[0] for i in range(count)], kernel, dilation, size + padding[1])


def _windows(size: int, kernel: int, stride: int, padding: Pair, dilation: int) -> int:
    return conv_axis(size, kernel, stride, padding, dilation, "floor").windows


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
