"""The gradients of a convolution, in blocks, on both cores.

    grad_columns = filters.T @ grad_output, of which col2im makes grad_x;       grad_filters = grad_output @ columns.T

The first is a transposed convolution too, and that is a convolution: of grad_output, its cells a stride apart with zeros
between them, with the filters turned round. It is computed as that where it costs less. Zeros, and sums over whole rows
(``flat``), meet cells that have nothing to do with a result; what is not finite must not reach it that way, so those ways are
taken only where all is finite.

Letters: N images, C channels, K filters, R×S taps, P×Q output cells; G groups.
"""

from collections.abc import Iterator
from math import prod

import numpy as np

import contract
from contract import Array, Conv, Pair
from vectorized import costs, flat, strips
from vectorized.columns import add_back
from vectorized.filters import Scratch, as_rows
from vectorized.strips import COPIED, block_columns, blocks_of, work_of
from vectorized.threads import cut, even_blocks, parts, products
from vectorized.windows import is_identity

RETURNED = 2 * COPIED  # col2im reads and writes
FILLS = {"strips": strips.strips, "flat": flat.flat}


def input_gradient(a: Conv, g: Array, grad_x: Array) -> None:
    """Fill grad_x (N, C, H, W) with what g (N, K, P, Q) sends back."""
    (N, K, P, Q), C, G = g.shape, grad_x.shape[1], a.groups
    if is_identity(a) and grad_x.shape[2:] == (P, Q):  # the image is its own columns
        filters = a.weight.astype(g.dtype, copy=False).reshape(G, K // G, C // G).conj().swapaxes(1, 2)
        np.matmul(filters, g.reshape(N, G, K // G, P * Q), out=grad_x.reshape(N, G, C // G, P * Q))
        return
    back = turned(a, g, grad_x.shape[2:])
    if back is not None:
        shape = costs.shape(back, grad_x.shape[2:], prepared=False)
        name, way_back = costs.cheapest(tuple(FILLS), shape), costs.shape(a._replace(x=grad_x), g.shape[2:], prepared=False)
        there = costs.cost(name, shape) + costs.turn(shape, a.stride)
        if there < costs.col2im(way_back).time(way_back.cores) and finite(a.weight):
            FILLS[name](back._replace(x=apart(a, g)), grad_x, as_rows(around(a), G, g.dtype), Scratch().take)
            return
    grad_x[...] = 0
    add_columns(a, g, grad_x)


def turned(a: Conv, g: Array, size: tuple[int, ...]) -> Conv | None:
    """Return the convolution that gives a grad_x of a ``size``; ``None`` if none does.

    Its image is ``apart(a, g)`` and its filters are ``around(a)``; here both have their shapes and no values yet.
    """
    (K, depth, R, S), G = a.weight.shape, a.groups
    spans = tuple(contract.reach(n, d) - 1 for n, d in zip((R, S), a.dilation, strict=True))
    image = tuple((n - 1) * s + 1 for n, s in zip(g.shape[2:], a.stride, strict=True))
    lows = tuple(span - low for span, (low, _) in zip(spans, a.padding, strict=True))
    highs = tuple(n + span - have - low for n, span, have, low in zip(size, spans, image, lows, strict=True))
    if min(*lows, *highs) < 0 or prod(image) * max(1, g[:, :, 0, 0].nbytes) > contract.MEMORY:
        return None
    nothing = np.zeros((), g.dtype)
    x, weight = np.broadcast_to(nothing, (*g.shape[:2], *image)), np.broadcast_to(nothing, (G * depth, K // G, R, S))
    padding = ((lows[0], highs[0]), (lows[1], highs[1]))
    return a._replace(x=x, weight=weight, bias=None, stride=(1, 1), padding=padding, rounding="exact")


def around(a: Conv) -> Array:
    """Return the filters (K, C/G, R, S) turned round, those of each channel together: (C, K/G, R, S)."""
    (K, depth, R, S), G = a.weight.shape, a.groups
    filters = a.weight.reshape(G, K // G, depth, R, S).swapaxes(1, 2)[..., ::-1, ::-1]
    return filters.reshape(G * depth, K // G, R, S).conj()


def apart(a: Conv, g: Array) -> Array:
    """Return g (N, K, P, Q) with its cells a stride apart, and zeros between them: g itself at stride 1."""
    if a.stride == (1, 1):
        return g
    (N, K, P, Q), (down, across) = g.shape, a.stride
    wide = np.zeros((N, K, (P - 1) * down + 1, (Q - 1) * across + 1), g.dtype)
    wide[:, :, ::down, ::across] = g
    return wide


def finite(array: Array) -> bool:
    """Return whether there is neither NaN nor Inf; Python's objects may be either."""
    if array.dtype.kind not in "fc":
        return array.dtype.kind in "iu"
    return bool(np.isfinite(array.sum()) or np.isfinite(array).all())  # a sum is quicker; it may be infinite by itself


def add_columns(a: Conv, g: Array, grad_x: Array) -> None:
    """Add to grad_x (N, C, H, W) the columns ``filters.T @ g``, returned by col2im.

    Windows overlap, so threads share out the channels: no two of them add to the same place.
    """
    (N, K, P, Q), (C, (R, S)), G = g.shape, (a.x.shape[1], a.weight.shape[2:]), a.groups
    filters = a.weight.astype(g.dtype, copy=False).reshape(G, K // G, C // G, R * S).conj()
    g_rows, effort = g.reshape(N, G, K // G, P * Q), work_of(a, g, RETURNED)

    def work(some: Iterator[tuple[slice, slice]]) -> None:
        for groups, channels in some:
            rows_of = filters[groups, :, channels].reshape(-1, K // G, filters[0, 0, channels].size)  # (g, K/G, c*R*S)
            share = grad_x.reshape(N, G, C // G, *grad_x.shape[2:])[:, groups, channels]
            add_back_blocks(a, g_rows[:, groups], rows_of.swapaxes(1, 2), share, (P, Q))

    items = cut(G, parts(effort)) if G > 1 else cut(C, parts(effort))
    products(work, [(s, slice(None)) if G > 1 else (slice(None), s) for s in items], effort)


def add_back_blocks(a: Conv, g: Array, filters: Array, grad_x: Array, count: Pair) -> None:
    """Add to grad_x (N, G, C/G, H, W), of some groups or channels, what g (N, G, K/G, P*Q) sends back by ``filters``."""
    (N, G, depth), (R, S), (P, Q) = grad_x.shape[:3], a.weight.shape[2:], count
    take = Scratch().take
    for images, rows in even_blocks(N, P, G * depth * R * S * Q * g.itemsize, strips.STRIP_BYTES, 1):
        block = g[images, :, :, rows.start * Q : rows.stop * Q]  # (n, G, K/G, p*Q)
        columns = take("columns", (len(block), G, depth * R * S, block.shape[3]), g.dtype)
        np.matmul(filters, block, out=columns)
        (above, below), sides = a.padding
        padding = ((above - rows.start * a.stride[0], below), sides)  # its first window starts that much further down
        add_back(columns.reshape(-1, G, depth, R, S, rows.stop - rows.start, Q), grad_x[images], a.stride, padding, a.dilation)


def weight_gradient(a: Conv, g: Array, x: Array, grad_w: Array) -> None:
    """Fill grad_w (K, C/G, R, S) with the sum of products ``g @ columns.T`` of the blocks of x (N, C, H, W) and g (N, K, P, Q).

    Each thread has a sum of its own, of blocks that do not depend on who is faster; so the result does not either.
    """
    a = a._replace(x=x)
    if a.groups > 1 and finite(x) and finite(g):
        shape = costs.shape(a, g.shape[2:], prepared=False)
        if costs.cheapest(("strips", "flat"), shape) == "flat":
            grad_w[...] = 0
            add_flat_weight_gradient(a, g, grad_w)
            return
    K, G = g.shape[1], a.groups
    total = grad_w.reshape(G, K // G, -1)  # (G, K/G, C/G*R*S)
    some = max(1, strips.STRIP_BYTES // total.nbytes)  # images, each of which gives a product of that size
    effort = work_of(a, g, RETURNED)  # as for the other gradient: threads of ours and of BLAS in turn hinder each other
    blocks = blocks_of(a, g, effort)
    shares = [blocks[first :: parts(effort)] for first in range(min(parts(effort), len(blocks)))]
    sums = [total, *(np.empty_like(total) for _ in shares[1:])]
    take = Scratch().take

    def work(numbers: Iterator[int]) -> None:
        for number in numbers:
            fresh = True  # nothing is in the sum yet
            for images, rows in shares[number]:
                columns = block_columns(a, (images, rows), g, take)
                block = g[images, :, rows].reshape(len(columns), G, K // G, -1)
                stretched = columns.reshape(len(columns), G, total.shape[2], -1).conj().swapaxes(2, 3)
                for first in range(0, len(block), some):
                    parts_of = block[first : first + some], stretched[first : first + some]
                    if fresh and len(parts_of[0]) == 1:
                        np.matmul(parts_of[0][0], parts_of[1][0], out=sums[number])
                    else:
                        term = np.matmul(*parts_of)  # g @ columns.T
                        sums[number] = np.add(0 if fresh else sums[number], term.sum(0, g.dtype), out=sums[number])
                    fresh = False

    if not shares:
        grad_w[...] = 0
    products(work, list(range(len(shares))), effort)
    for more in sums[1:]:
        total += more


def add_flat_weight_gradient(a: Conv, g: Array, grad_w: Array) -> None:
    """Do the work of ``weight_gradient`` on columns of whole rows, zeros where they wrap; threads share out the groups."""
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
