"""The gradients of a convolution, in blocks, on both cores.

    grad_columns = filters.T @ grad_output, of which col2im makes grad_x;       grad_filters = grad_output @ columns.T

The first is a transposed convolution too, and that is a convolution: of grad_output, with the filters turned round; at a
stride, with one filter for each pixel of a cell of stride x stride pixels. It is computed as that where it costs less. Zeros
among those filters, and around grad_output, meet cells that have nothing to do with a result; what is not finite must not reach
it that way, so it is taken only where all is finite. The second goes by the columns of the convolution itself, whichever way of
making them costs least; or, in depthwise layers, by dot products without columns.

Letters: N images, C channels, K filters, R×S taps, P×Q output cells; G groups.
"""

from collections.abc import Callable, Iterator
from itertools import product
from math import gcd
from typing import Any, NamedTuple

import numpy as np

import contract
from contract import Array, Conv, Pair
from vectorized import channels_last, costs, dots, flat, lines, strips
from vectorized.blocks import cut, even_blocks
from vectorized.columns import add_back
from vectorized.filters import Scratch, Take, as_rows
from vectorized.strips import COPIED, FEW, block_columns, blocks_of, work_of
from vectorized.threads import parts, products, workers
from vectorized.windows import is_identity, phases

Fill = Callable[[Conv, Array, Array, Take], None]
RETURNED = 2 * COPIED  # col2im reads and writes
LONG = 2**12  # values that are added up in turn
FILLS: dict[str, tuple[Fill, Callable[[Array, int, "np.dtype[Any]"], Array]]] = {  # and what each makes of the filters
    "strips": (strips.strips, as_rows),
    "flat": (flat.flat, as_rows),
    "lines": (lines.lines, lines.as_lines),
    "channels_last": (channels_last.channels_last, channels_last.as_vectors),
}
WEIGHT_GRADIENTS = {
    "lines": lines.weight_gradient,
    "channels_last": channels_last.weight_gradient,
    "dots": dots.weight_gradient,
}


class Back(NamedTuple):
    """One axis of the convolution of g that gives the gradient of the image: one result for each cell of ``stride`` pixels.

    Tap r of window p meets pixel ``p*stride + r*dilation - padding``. So a cell reads some neighbouring windows, and each of
    its pixels has a filter of its own: the taps that meet it, turned round, and zeros.
    """

    kernel: int  # how many windows a cell reads, so many apart:
    dilation: int
    padding: Pair
    cells: int
    taps: list[tuple[slice, int, slice]]  # the taps that meet a pixel, which one, and their places in its filter


def input_gradient(a: Conv, g: Array, grad_x: Array) -> None:
    """Fill grad_x (N, C, H, W) with what g (N, K, P, Q) sends back."""
    (N, K, P, Q), C, G = g.shape, grad_x.shape[1], a.groups
    a = a._replace(stride=flat.steps(a, P, Q))
    if is_identity(a) and grad_x.shape[2:] == (P, Q):  # the image is its own columns
        filters = a.weight.astype(g.dtype, copy=False).reshape(G, K // G, C // G).conj().swapaxes(1, 2)
        np.matmul(filters, g.reshape(N, G, K // G, P * Q), out=grad_x.reshape(N, G, C // G, P * Q))
        return
    rows, columns = (back(a, axis, g.shape[2 + axis], grad_x.shape[2 + axis]) for axis in (0, 1))
    name = cheaper_than_columns(a, g, grad_x, rows, columns)
    if name is not None and finite(a.weight) and (a.stride == (1, 1) or finite(g)):
        fill_back(a, g, rows, columns, grad_x, name)
    else:
        grad_x[...] = 0
        add_columns(a, g, grad_x)


def cheaper_than_columns(a: Conv, g: Array, grad_x: Array, rows: Back, columns: Back) -> str | None:
    """Return by which of ``FILLS`` that convolution costs less than columns; ``None`` if it does not, or cannot be."""
    (N, K, P, Q), C = g.shape, grad_x.shape[1]
    width, cell = Q + sum(columns.padding), a.stride[0] * a.stride[1]
    pixels, count = (P + sum(rows.padding)) * width, (rows.cells, columns.cells)
    most = contract.MEMORY // (max(N, 1) * g.itemsize)
    if min(*rows.padding, *columns.padding) < 0 or max(K * pixels, C * cell * rows.cells * columns.cells) > most:
        return None
    taps, cores = (rows.kernel, columns.kernel), workers()
    apart = (rows.dilation, columns.dilation)
    shape = costs.Shape(
        max(N, 1), K, C * cell, a.groups, *taps, *count, pixels, width, Q, g.itemsize, (1, 1), apart, False, cores
    )
    way_back = costs.col2im(costs.shape(a._replace(x=grad_x), (P, Q), prepared=False))
    names = ["strips", "flat"] + ["lines"] * (a.groups > 1) + ["channels_last"] * (a.groups == K)
    name = costs.cheapest(tuple(names), shape)
    return name if costs.cost(name, shape) + costs.turn(shape, a.stride) < way_back.time(cores) else None


def back(a: Conv, axis: int, count: int, size: int) -> Back:
    """Return the axis of that convolution, of ``count`` windows for ``size`` pixels; a padding is negative if g has too many.

    With three taps, stride 2 and padding 1, tap 0 of window p meets pixel 2p - 1, tap 1 pixel 2p, and tap 2 pixel 2p + 1. So
    cell 0, that is pixels 0 and 1, reads windows 0 and 1; pixel 1 by taps 2 and 0, and pixel 0 by tap 1, of window 0 alone:

    >>> a = contract.conv2d(np.ones((1, 1, 5, 5)), np.ones((1, 1, 3, 3)), None, 2, 1, 1, 1, "exact")
    >>> *rest, taps = back(a, 0, count=3, size=5)
    >>> rest, taps  # two windows a cell, next to each other, three cells; the last reads windows 2 and 3, which is padding
    ([2, 1, (0, 1), 3], [(slice(0, None, 2), 1, slice(0, 2, 1)), (slice(1, None, 2), 0, slice(0, 1, 1))])
    """
    stride, dilation, low, every = a.stride[axis], a.dilation[axis], a.padding[axis][0], range(a.weight.shape[2 + axis])
    shifts, pixels = zip(*(divmod(r * dilation - low, stride) for r in every), strict=True)  # the cell, counted from the window
    first, last, apart = shifts[0], shifts[-1], gcd(*(shift - shifts[0] for shift in shifts)) or 1
    taps = []
    for some, *_ in phases(len(every), dilation, stride):
        places = [(last - shift) // apart for shift in shifts[some]]  # falling: turned round
        step = places[0] - places[1] if len(places) > 1 else 1
        taps.append((some, pixels[some.start], slice(places[-1], places[0] + 1, step)))
    cells = -(-size // stride)
    return Back((last - first) // apart + 1, apart, (last, cells - count - first), cells, taps)


def fill_back(a: Conv, g: Array, rows: Back, columns: Back, grad_x: Array, name: str) -> None:
    """Fill grad_x (N, C, H, W) with that convolution of g (N, K, P, Q), by one of ``FILLS``."""
    (N, C), (down, across), filters = grad_x.shape[:2], a.stride, turned(a, rows, columns)
    padding, dilation = (rows.padding, columns.padding), (rows.dilation, columns.dilation)
    convolution = a._replace(x=g, weight=filters, bias=None, stride=(1, 1), padding=padding, dilation=dilation)
    cells = np.empty((N, C, down, across, rows.cells, columns.cells), g.dtype) if a.stride != (1, 1) else grad_x
    y = cells.reshape(N, C * down * across, rows.cells, columns.cells)
    fill, prepare = FILLS[name]
    fill(convolution, y, prepare(filters, a.groups, g.dtype), Scratch().take)
    if cells is not grad_x:
        for row, column in product(range(down), range(across)):
            pixels = grad_x[:, :, row::down, column::across]
            pixels[...] = cells[:, :, row, column, : pixels.shape[2], : pixels.shape[3]]


def turned(a: Conv, rows: Back, columns: Back) -> Array:
    """Return the filters of that convolution, (C*stride*stride, K/G, kernel, kernel), those of a channel's cell together."""
    (K, depth, R, S), G = a.weight.shape, a.groups
    filters = np.zeros((G, depth, *a.stride, K // G, rows.kernel, columns.kernel), a.weight.dtype)
    weight = a.weight.reshape(G, K // G, depth, R, S).swapaxes(1, 2)
    for (r, row, down), (s, column, across) in product(rows.taps, columns.taps):
        filters[:, :, row, column, :, down, across] = weight[..., r, s][..., ::-1, ::-1].conj()
    return filters.reshape(-1, K // G, rows.kernel, columns.kernel)


def finite(array: Array) -> bool:
    """Return whether there is neither NaN nor Inf; Python's objects may be either."""
    return bool(np.isfinite(array).all()) if array.dtype.kind in "fc" else array.dtype.kind in "iu"


def effort_of(a: Conv, g: Array) -> int:
    """Return what a gradient takes in terms of multiplications: it is the same for all, so that all are shared out or none.

    Threads of ours and of BLAS in turn would hinder each other: those of BLAS spin for a while after a product.
    """
    return work_of(a, g, RETURNED)


def add_columns(a: Conv, g: Array, grad_x: Array) -> None:
    """Add to grad_x (N, C, H, W) the columns ``filters.T @ g``, returned by col2im.

    Windows overlap, so threads share out the channels: no two of them add to the same place.
    """
    (N, K, P, Q), (C, (R, S)), G = g.shape, (a.x.shape[1], a.weight.shape[2:]), a.groups
    filters = a.weight.astype(g.dtype, copy=False).reshape(G, K // G, C // G, R * S).conj()
    g_rows, effort = g.reshape(N, G, K // G, P * Q), effort_of(a, g)

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
    a, (K, G), take = a._replace(x=x), (g.shape[1], a.groups), Scratch().take
    if G > 1 and a.weight.shape[3] > 1:  # of filters one tap wide the columns are long runs by themselves
        depthwise = ["channels_last"] + ["dots"] * (g.dtype.kind in "fc")  # no BLAS has dot products of integers
        names = ["strips"] + ["lines"] * (grad_w.size <= FEW) + depthwise * (a.weight.shape[1] == 1)
        name = costs.cheapest(tuple(names), costs.shape(a, g.shape[2:], prepared=False))
        if name in WEIGHT_GRADIENTS:
            WEIGHT_GRADIENTS[name](a, g, grad_w, take)
            if name != "dots" or finite(grad_w):
                return
    total = grad_w.reshape(G, K // G, -1)  # (G, K/G, C/G*R*S)
    some = max(1, strips.STRIP_BYTES // total.nbytes)  # images, each of which gives a product of that size
    effort = effort_of(a, g)
    blocks = blocks_of(a, g, effort)
    shares = [blocks[first :: parts(effort)] for first in range(min(parts(effort), len(blocks)))]
    sums = [total, *(np.empty_like(total) for _ in shares[1:])]

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
                        term = term.sum(0, g.dtype) if len(term) > 1 else term[0]
                        sums[number] = np.add(0 if fresh else sums[number], term, out=sums[number])
                    fresh = False

    if not shares:
        grad_w[...] = 0
    products(work, list(range(len(shares))), effort)
    for more in sums[1:]:
        total += more


def bias_gradient(g: Array, effort: int) -> Array:
    """Return the sums of g (N, K, P, Q) for each filter, (K,), beside gradients that take so many multiplications."""
    (N, K, P, Q), dtype = g.shape, g.dtype
    if dtype.kind == "f":  # BLAS adds up a plane in a third of the time; a large one, row by row, for fewer roundings
        run = P * Q if P * Q <= LONG else Q
        rows, ones, sums = g.reshape(-1, run), np.ones(run, dtype), np.empty(g.size // run, dtype)

        def work(pieces: Iterator[slice]) -> None:
            for piece in pieces:
                np.matmul(rows[piece], ones, out=sums[piece])

        products(work, cut(len(rows), parts(effort)), effort)
        g = sums.reshape(N, K, P * Q // run, 1)
    return np.sum(g, (0, 2, 3), dtype)
