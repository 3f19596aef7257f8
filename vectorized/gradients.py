"""The gradients of a convolution, in blocks, on both cores.

    grad_columns = filters.T @ grad_output, of which col2im makes grad_x;       grad_filters = grad_output @ columns.T

The first is a transposed convolution too. At stride 1 it is a convolution as well, of grad_output with the filters turned
round, and computed as that where it costs less. Padded zeros, and sums over whole rows (``flat``), meet cells that have nothing
to do with a result; what is not finite must not reach it that way, so those ways are taken only where all is finite.

Letters: N images, C channels, K filters, R×S taps, P×Q output cells; G groups.
"""

from collections.abc import Iterator

import numpy as np

import contract
from contract import Array, Conv, Pair
from vectorized import costs, flat, pointwise, strips
from vectorized.columns import add_back
from vectorized.filters import Scratch, as_rows
from vectorized.strips import block_columns, blocks_of
from vectorized.threads import block_size, cut, parts, products

FILLS = {"strips": strips.strips, "flat": flat.flat, "pointwise": pointwise.pointwise}


def add_input_gradient(a: Conv, g: Array, grad_x: Array) -> None:
    """Add to grad_x (N, C, H, W), all zeros, what g (N, K, P, Q) sends back."""
    back = turned(a, g) if g.size else None
    if back is not None:
        names = ("strips", "flat") if pointwise.refusal(back) else ("pointwise",)
        shape = costs.shape(back, grad_x.shape[2:], prepared=False)
        name = costs.cheapest(names, shape)
        if costs.COSTS[name](shape) < costs.col2im(costs.shape(a._replace(x=grad_x), g.shape[2:], prepared=False)):
            FILLS[name](back, grad_x, as_rows(back.weight, a.groups, g.dtype), Scratch().take)
            return
    add_columns(a, g, grad_x)


def turned(a: Conv, g: Array) -> Conv | None:
    """Return the convolution of g (N, K, P, Q) that gives grad_x, its filters turned round; ``None`` if there is none."""
    (K, depth, R, S), G = a.weight.shape, a.groups
    spans = tuple(contract.reach(n, d) - 1 for n, d in zip((R, S), a.dilation, strict=True))
    pads = tuple((span - low, span - high) for span, (low, high) in zip(spans, a.padding, strict=True))
    sizes = tuple(n + low + high - span for n, (low, high), span in zip(g.shape[2:], pads, spans, strict=True))
    if a.stride != (1, 1) or min(map(min, pads)) < 0 or sizes != a.x.shape[2:] or not finite(a.weight):
        return None
    weight = a.weight.reshape(G, K // G, depth, R, S).swapaxes(1, 2).reshape(G * depth, K // G, R, S)[:, :, ::-1, ::-1]
    return a._replace(x=g, weight=weight.conj(), bias=None, padding=(pads[0], pads[1]), rounding="exact")


def finite(array: Array) -> bool:
    """Return whether there is neither NaN nor Inf; Python's objects may be either."""
    return array.dtype.kind in "iu" or (array.dtype.kind in "fc" and bool(np.isfinite(array).all()))


def add_columns(a: Conv, g: Array, grad_x: Array) -> None:
    """Add to grad_x (N, C, H, W) the columns ``filters.T @ g``, returned by col2im.

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
    deep, high = block_size(N, P, G * depth * R * S * Q * g.itemsize, strips.STRIP_BYTES, 1)
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
    a = a._replace(x=x)
    if a.groups > 1 and g.size and finite(x) and finite(g):
        shape = costs.shape(a, g.shape[2:], prepared=False)
        if costs.cheapest(("strips", "flat"), shape) == "flat":
            add_flat_weight_gradient(a, g, grad_w)
            return
    K, G = g.shape[1], a.groups
    total = grad_w.reshape(G, K // G, -1)  # (G, K/G, C/G*R*S)
    some = max(1, strips.STRIP_BYTES // total.nbytes)  # images, each of which gives a product of that size
    macs = g.size * total.shape[2]
    blocks = blocks_of(a, g, macs)
    shares = [blocks[first :: parts(macs)] for first in range(min(parts(macs), len(blocks)))]
    sums = [total, *(np.zeros_like(total) for _ in shares[1:])]
    take = Scratch().take

    def work(numbers: Iterator[int]) -> None:
        for number in numbers:
            for images, rows in shares[number]:
                columns = block_columns(a, (images, rows), g, take)
                block = g[images, :, rows].reshape(len(columns), G, K // G, -1)
                stretched = columns.reshape(len(columns), G, total.shape[2], -1).conj().swapaxes(2, 3)
                for first in range(0, len(block), some):
                    term = np.matmul(block[first : first + some], stretched[first : first + some])
                    sums[number] += term[0] if len(term) == 1 else term.sum(0, g.dtype)

    products(work, list(range(len(shares))), macs)
    for more in sums[1:]:
        total += more


def add_flat_weight_gradient(a: Conv, g: Array, grad_w: Array) -> None:
    """Do the work of ``add_weight_gradient`` on columns of whole rows, zeros where they wrap; threads share out the groups."""
    (N, K, P, Q), C, G = g.shape, a.x.shape[1], a.groups
    total, step = grad_w.reshape(G, K // G, -1), flat.steps(a, P, Q)  # (G, K/G, C/G*R*S)
    depth, taps, wide = C // G, total.shape[2], flat.row_width(a, Q, step[1])
    work_of_all = N * G * taps * P * wide * flat.COPIED
    row_bytes = (taps + K // G) * wide * g.itemsize
    blocks = flat.blocks_of(1, G, P, row_bytes, parts(work_of_all))
    shares = [[b for b in blocks if b[1].start == start] for start in dict.fromkeys(b[1].start for b in blocks)]
    take = Scratch().take

    def work(some: Iterator[list[flat.Block]]) -> None:
        for share in some:
            for n in range(N):
                for _, groups, rows in share:
                    count, length = groups.stop - groups.start, (rows.stop - rows.start) * wide
                    columns, rows_of = (
                        take("columns", (count, taps, length), g.dtype),
                        take("g", (count, K // G, length), g.dtype),
                    )
                    pixels = a.x[n, groups.start * depth : groups.stop * depth]
                    flat.stretch_rows(a, pixels, rows.start, wide, step, columns.reshape(-1, *a.weight.shape[2:], length), take)
                    grid = rows_of.reshape(count, K // G, -1, wide)
                    grid[..., :Q] = g[n].reshape(G, K // G, P, Q)[groups, :, rows]
                    grid[..., Q:] = 0
                    total[groups] += np.matmul(rows_of, columns.conj().swapaxes(1, 2))

    products(work, shares, work_of_all)
