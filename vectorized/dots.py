"""The gradient of depthwise filters without columns: for each tap one dot product of what it met and what comes back.

    grad_w[c, r, s] = sum over p of  g[c, p] * x[c, p + (r, s)]                  one run of a plane for each channel and tap

The pixels lie flat, in rows with their padding, and g in rows as wide, with zeros behind each. So what a tap met is one run,
a few places further along for each tap, and nothing is copied for it. The zeros meet pixels that are none of that window's:
if one of those is not finite, nor is the sum. Then the filters' gradient is to be found another way.

Letters: N images, C channels, H×W pixels, K filters, R×S taps, P×Q output cells; G groups, of one channel each.
"""

from collections.abc import Iterator
from itertools import product

import numpy as np

from contract import Array, Conv
from vectorized.blocks import cut, even_blocks
from vectorized.filters import Take
from vectorized.flat import COPIED, STRIP_BYTES, Plane, layout
from vectorized.threads import parts, products
from vectorized.windows import meeting, strided

MULTIPLIED = 3  # measured: a value of a dot product takes as long as so many multiplications of a matrix product
LONGEST = 2**13  # values of a dot product: from 10,000 on OpenBLAS shares out each by itself, and the waiting takes longer


def weight_gradient(a: Conv, g: Array, grad_w: Array, take: Take) -> None:
    """Fill grad_w (K, 1, R, S) with what g (N, K, P, Q) sends back; it is only right if it is finite.

    Memory, for each thread: the padded pixels and the g of some channels (STRIP_BYTES, or those of one channel). Arithmetic:
    N*K*R*S*P*W' multiplications. Error class: gamma.
    """
    (N, K, P, Q), (R, S), G = g.shape, grad_w.shape[2:], a.groups
    lay = layout(a, P, Q)
    wide = max(reach(plane, S, Q) for plane in lay.columns)
    high = [reach(plane, R, P) for plane in lay.rows]
    length = (P - 1) * wide + Q  # from the first window to the last
    total = np.zeros((G, K // G, R, S), g.dtype)

    def add(images: slice, channels: slice) -> None:
        sent = g.reshape(N, G, K // G, P, Q)[images, channels]
        rows = take("g", (*sent.shape[:4], wide), g.dtype)
        rows[..., :Q], rows[..., Q:] = sent, 0
        runs = rows.reshape(*sent.shape[:3], 1, 1, -1)[..., :length]
        for row, column in product(lay.rows, lay.columns):
            pixels = a.x[images, channels, row.first :: lay.step[0], column.first :: lay.step[1]]
            plane = take("plane", (*sent.shape[:2], reach(row, R, P), wide), g.dtype)
            lay_out(row, column, pixels, plane)
            taps = len(range(R)[row.taps]), len(range(S)[column.taps])
            strides = (*plane.strides[:2], 0, row.apart * plane.strides[2], column.apart * plane.strides[3], plane.strides[3])
            met = strided(plane, (*plane.shape[:2], 1, *taps, length), strides)
            for first in range(0, length, LONGEST):
                some = slice(first, first + LONGEST)
                sums = np.vecdot(met[..., some], runs[..., some])  # (n, c, K/G, R and S of this plane), of conjugate pixels
                total[channels, :, row.taps, column.taps] += sums.sum(0)

    def work(pieces: Iterator[slice]) -> None:
        for piece in pieces:
            for images, some in even_blocks(N, piece.stop - piece.start, channel_bytes, STRIP_BYTES, 1):
                add(images, slice(piece.start + some.start, piece.start + some.stop))

    channel_bytes = (max(high) + K // G * P) * wide * g.itemsize
    effort = N * (G * sum(high) * len(lay.columns) * COPIED + K * P * (COPIED + R * S * MULTIPLIED)) * wide
    products(work, cut(G, parts(effort)), effort)
    grad_w.reshape(G, K // G, R, S)[...] = total


def reach(plane: Plane, kernel: int, count: int) -> int:
    """Return how many cells of an axis of a plane ``count`` windows reach over, by its taps of a ``kernel``."""
    return count + (len(range(kernel)[plane.taps]) - 1) * plane.apart


def lay_out(row: Plane, column: Plane, pixels: Array, plane: Array) -> None:
    """Fill a plane (n, c, rows, W') with the pixels (n, c, H, W) from those that window (0, 0) meets on, and zeros around."""
    p, inside = meeting(row.cells, plane.shape[2], 1, row.shift)
    q, seen = meeting(column.cells, plane.shape[3], 1, column.shift)
    plane[:, :, : p.start] = plane[:, :, p.stop :] = 0
    some = plane[:, :, p]
    some[..., : q.start] = some[..., q.stop :] = 0
    some[..., q] = pixels[:, :, inside, seen]
