"""im2col in bounded memory: some megabytes of columns at a time, in one buffer that stays in the cache.

A block is a few whole images where their columns are small, or else a few rows of windows of one image. Its columns are
stretched, multiplied, and the product is written straight to its place in the result; the next block reuses the buffer.

The same blocks serve the gradients, whose products run the other way: columns of gradients, or filters out of columns.

Letters: N images, C channels, K filters, R×S taps, P×Q output cells; G groups.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from contract import Array, Conv
from vectorized.columns import add_back, stretch, zero_padded
from vectorized.filters import Take, fresh

STRIP_BYTES = 4 * 2**20  # measured: below 1 MiB the products are too small, above 8 MiB the columns leave the cache


def strips(a: Conv, y: Array, filters: Array, take: Take) -> None:
    """Fill y (N, K, P, Q) block by block, with the filters as rows (G, K/G, C/G*R*S).

    Memory: one block of columns (STRIP_BYTES, or one row of windows if that is more) and one padded image. Arithmetic:
    N*K*(C/groups)*R*S*P*Q multiplications. Error class: gamma. Source: Chellapilla, Puri, Simard, 2006; cuDNN's tiling of it.
    """
    (N, K, P, Q), G = y.shape, a.groups
    bias = None if a.bias is None else a.bias.astype(y.dtype).reshape(G, K // G, 1)
    out = y.reshape(N, G, K // G, P * Q)
    for images, rows, columns in column_blocks(a, y, take):
        block = out[images, :, :, rows.start * Q : rows.stop * Q]
        np.matmul(filters, columns.reshape(len(block), G, filters.shape[2], -1), out=block)
        if bias is not None:
            block += bias


def column_blocks(a: Conv, y: Array, take: Take = fresh) -> Iterator[tuple[slice, slice, Array]]:
    """Yield (images, rows of windows, their columns (n, C, R, S, p, Q)) for block after block, all in one buffer.

    ``y`` (N, K, P, Q) tells how many windows there are and the dtype to stretch in.
    """
    (N, _, P, Q), (C, (R, S)) = y.shape, (a.x.shape[1], a.weight.shape[2:])
    deep, high = block_size(C * R * S * Q * y.itemsize, N, P)
    buffer = take("columns", (min(deep, N) * C * R * S * high * Q,), y.dtype)
    padded = None if a.padding == ((0, 0), (0, 0)) and a.x.dtype == y.dtype else empty_image(a, min(deep, N), y.dtype, take)
    for first in range(0, N, deep):
        images = slice(first, min(first + deep, N))
        count = images.stop - images.start
        X = zero_padded(a.x[images], a.padding, y.dtype, padded)
        for top in range(0, P, high):
            rows = slice(top, min(top + high, P))
            shape = (count, C, R, S, rows.stop - top, Q)
            columns = buffer[: count * C * R * S * shape[4] * Q].reshape(shape)
            strip = X[:count, :, top * a.stride[0] :]  # from the first row that the block reads
            yield images, rows, stretch(strip, (R, S), a.stride, a.dilation, shape[4:], columns)


def empty_image(a: Conv, images: int, dtype: np.dtype[Any], take: Take) -> Array:
    """Return zeros of the shape of some padded images."""
    (_, C, H, W), ((top, bottom), (left, right)) = a.x.shape, a.padding
    image = take("image", (images, C, top + H + bottom, left + W + right), dtype)
    image.fill(0)
    return image


def block_size(row_bytes: int, images: int, rows: int) -> tuple[int, int]:
    """Return how many images, and how many rows of windows of each, make a block of at most STRIP_BYTES, of equal heights.

    >>> block_size(row_bytes=2**20, images=9, rows=10)  # rows of one image: 4, 3 and 3 of them would be uneven
    (1, 4)
    >>> block_size(row_bytes=2**10, images=9, rows=10)  # many images fit
    (9, 10)
    """
    if row_bytes * rows <= STRIP_BYTES:
        return max(1, min(images, STRIP_BYTES // (row_bytes * rows))), rows
    blocks = -(-rows // max(1, STRIP_BYTES // row_bytes))
    return 1, -(-rows // blocks)


def add_input_gradient(a: Conv, g: Array, grad_x: Array) -> None:
    """Add to grad_x (N, C, H, W) what g (N, K, P, Q) sends back: the columns ``filters.T @ g``, returned by col2im."""
    (N, K, P, Q), (C, (R, S)), G = g.shape, (a.x.shape[1], a.weight.shape[2:]), a.groups
    filters = a.weight.astype(g.dtype, copy=False).reshape(G, K // G, -1).conj().swapaxes(1, 2)  # (G, C/G*R*S, K/G)
    deep, high = block_size(C * R * S * Q * g.itemsize, N, P)
    buffer = np.empty(min(deep, N) * C * R * S * high * Q, g.dtype)
    for first in range(0, N, deep):
        count = min(deep, N - first)
        for top in range(0, P, high):
            rows = min(high, P - top)
            block = np.ascontiguousarray(g[first : first + count, :, top : top + rows])  # (n, K, p, Q)
            columns = buffer[: count * C * R * S * rows * Q]
            np.matmul(filters, block.reshape(count, G, K // G, -1), out=columns.reshape(count, G, filters.shape[1], -1))
            (above, below), sides = a.padding
            padding = ((above - top * a.stride[0], below), sides)  # the block's first window starts `top` steps further down
            add_back(columns.reshape(count, C, R, S, rows, Q), grad_x[first : first + count], a.stride, padding, a.dilation)


def add_weight_gradient(a: Conv, g: Array, x: Array, grad_w: Array) -> None:
    """Add to grad_w (K, C/G, R, S) the products ``g @ columns.T`` of every block of x (N, C, H, W) and g (N, K, P, Q)."""
    K, G = g.shape[1], a.groups
    total = grad_w.reshape(G, K // G, -1)  # (G, K/G, C/G*R*S)
    some = max(1, STRIP_BYTES // total.nbytes)  # images, each of which gives a product of that size
    for images, rows, columns in column_blocks(a._replace(x=x), g):
        block = g[images, :, rows].reshape(len(columns), G, K // G, -1)
        stretched = columns.reshape(len(columns), G, total.shape[2], -1).conj().swapaxes(2, 3)
        for first in range(0, len(block), some):
            total += np.matmul(block[first : first + some], stretched[first : first + some]).sum(0, g.dtype)
