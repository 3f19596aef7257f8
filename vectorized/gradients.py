"""The gradients of a convolution in the blocks of ``strips``, whose products run the other way.

    grad_columns = filters.T @ grad_output, of which col2im makes grad_x;       grad_filters = grad_output @ columns.T

The first is a transposed convolution too. Both cores work at once, and never add to the same place.

Letters: N images, C channels, K filters, R×S taps, P×Q output cells; G groups.
"""

from collections.abc import Iterator

import numpy as np

from contract import Array, Conv, Pair
from vectorized.columns import add_back
from vectorized.filters import Scratch
from vectorized.strips import STRIP_BYTES, block_columns, block_size, blocks_of
from vectorized.threads import cut, parts, products


def add_input_gradient(a: Conv, g: Array, grad_x: Array) -> None:
    """Add to grad_x (N, C, H, W) what g (N, K, P, Q) sends back: the columns ``filters.T @ g``, returned by col2im.

    Windows overlap, so threads share out the channels: no two of them add to the same place.
    """
    (N, K, P, Q), (C, (R, S)), G = g.shape, (a.x.shape[1], a.weight.shape[2:]), a.groups
    filters = a.weight.astype(g.dtype, copy=False).reshape(G, K // G, C // G, R * S).conj()
    g_rows, macs = g.reshape(N, G, K // G, P * Q), N * K * (C // G) * R * S * P * Q

    def work(some: Iterator[tuple[slice, slice]]) -> None:
        for groups, channels in some:
            rows_of = filters[groups, :, channels].reshape(-1, K // G, filters[0, 0, channels].size)  # (g, K/G, c*R*S)
            share = grad_x.reshape(N, G, C // G, *grad_x.shape[2:])[:, groups, channels]
            add_back_blocks(a, g_rows[:, groups], rows_of.swapaxes(1, 2), share, (P, Q))

    items = cut(G, parts(macs)) if G > 1 else cut(C, parts(macs))
    products(work, [(s, slice(None)) if G > 1 else (slice(None), s) for s in items], macs)


def add_back_blocks(a: Conv, g: Array, filters: Array, grad_x: Array, count: Pair) -> None:
    """Add to grad_x (N, G, C/G, H, W), of some groups or channels, what g (N, G, K/G, P*Q) sends back by ``filters``."""
    (N, G, depth), (R, S), (P, Q) = grad_x.shape[:3], a.weight.shape[2:], count
    deep, high = block_size(G * depth * R * S * Q * g.itemsize, N, P, 1)
    buffer = np.empty(min(deep, N) * G * depth * R * S * high * Q, g.dtype)
    for first in range(0, N, deep):
        images = slice(first, min(first + deep, N))
        for top in range(0, P, high):
            rows = min(high, P - top)
            block = g[images, :, :, top * Q : (top + rows) * Q]  # (n, G, K/G, p*Q)
            columns = buffer[: len(block) * G * depth * R * S * rows * Q].reshape(len(block), G, depth * R * S, rows * Q)
            np.matmul(filters, block, out=columns)
            (above, below), sides = a.padding
            padding = ((above - top * a.stride[0], below), sides)  # the block's first window starts `top` steps further down
            add_back(columns.reshape(-1, G, depth, R, S, rows, Q), grad_x[images], a.stride, padding, a.dilation)


def add_weight_gradient(a: Conv, g: Array, x: Array, grad_w: Array) -> None:
    """Add to grad_w (K, C/G, R, S) the products ``g @ columns.T`` of every block of x (N, C, H, W) and g (N, K, P, Q).

    Each thread has a sum of its own, of blocks that do not depend on who is faster; so the result does not either.
    """
    K, G = g.shape[1], a.groups
    total = grad_w.reshape(G, K // G, -1)  # (G, K/G, C/G*R*S)
    some = max(1, STRIP_BYTES // total.nbytes)  # images, each of which gives a product of that size
    macs = g.size * total.shape[2]
    blocks = blocks_of(a._replace(x=x), g, macs)
    shares = [blocks[first :: parts(macs)] for first in range(min(parts(macs), len(blocks)))]
    sums = [total, *(np.zeros_like(total) for _ in shares[1:])]
    take = Scratch().take

    def work(numbers: Iterator[int]) -> None:
        for number in numbers:
            for images, rows in shares[number]:
                columns = block_columns(a._replace(x=x), (images, rows), g, take)
                block = g[images, :, rows].reshape(len(columns), G, K // G, -1)
                stretched = columns.reshape(len(columns), G, total.shape[2], -1).conj().swapaxes(2, 3)
                for first in range(0, len(block), some):
                    sums[number] += np.matmul(block[first : first + some], stretched[first : first + some]).sum(0, g.dtype)

    products(work, list(range(len(shares))), macs)
    for more in sums[1:]:
        total += more
