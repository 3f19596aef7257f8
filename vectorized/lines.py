"""Columns along one axis alone: each line of a filter times the lines of pixels under it; then the lines are summed.

    y[p, q] = sum over r of  (sum over s of  w[r, s] * x[p + r, q + s])                S copies of the pixels, and not R*S

One product gives the inner sums of every line r and every row of pixels. The outer sum reads them a row further down for each
r: in rows that lie flat, that is an offset. Where filters are few for each group, above all in depthwise layers, it is copies
that take time. The rows are those of ``flat``: no padding beside them, and zeros where a window wraps.

Letters: N images, C channels, K filters, R×S taps, P×Q output cells; G groups.
"""

from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np

from contract import Array, Conv
from vectorized.filters import Take
from vectorized.flat import COPIED, Block, Layout, Plane, blocks_of, layout
from vectorized.threads import parts, products
from vectorized.windows import meeting


def as_lines(weight: Array, groups: int, dtype: "np.dtype[Any]") -> Array:
    """Return the filters (K, C/G, R, S) as one matrix for each of their lines, (G, R, K/G, C/G*S)."""
    K, depth, R, S = weight.shape
    lines = weight.reshape(groups, K // groups, depth, R, S).transpose(0, 3, 1, 2, 4)
    return np.ascontiguousarray(lines, dtype).reshape(groups, R, K // groups, depth * S)


def lines(a: Conv, y: Array, filters: Array, take: Take) -> None:
    """Fill y (N, K, P, Q) some groups, or some rows of one group, at a time, with the filters as lines (G, R, K/G, C/G*S).

    Memory, for each thread: one block of columns and inner sums (up to twice STRIP_BYTES, or what one row of one group takes).
    Arithmetic: at most twice N*K*(C/groups)*R*S*P*W' multiplications, and R sums for each result. Error class: gamma. Source:
    the columns of Cho, Brand, "MEC: Memory-efficient Convolution for Deep Neural Network", 2017, and the sums of ``shifted``.
    """
    (N, K, P, Q), C, (R, S), G = y.shape, a.x.shape[1], a.weight.shape[2:], a.groups
    depth, lay = C // G, layout(a, P, Q)
    bias = None if a.bias is None else a.bias.astype(y.dtype).reshape(G, K // G, 1)
    out = y.reshape(N, G, K // G, P, Q)

    def work(blocks: Iterator[Block]) -> None:
        for n, groups, rows in blocks:
            pixels = a.x[n, groups.start * depth : groups.stop * depth]
            block = out[n, groups, :, rows]  # (g, K/G, p, Q)
            shape = (*block.shape[:2], block.shape[2] * lay.width)
            total = block.reshape(shape) if lay.width == Q else take("total", shape, y.dtype)
            terms = [] if bias is None else [bias[groups]]
            for sums in inner_sums(lay, pixels, rows, filters[groups], y.dtype, take):
                add_up([*terms, *sums], total)
                terms = [total]
            if lay.width > Q:
                block[...] = total.reshape(*block.shape[:3], lay.width)[..., :Q]

    row_values = (depth * S + K // G * R) * lay.width
    work_of_all = N * G * P * (depth * S * COPIED + K // G * R * (depth * S + COPIED)) * lay.width  # sums are copied, too
    products(work, blocks_of(N, G, P, row_values * y.itemsize, parts(work_of_all)), work_of_all)


def add_up(terms: list[Array], total: Array) -> None:
    """Fill ``total`` with the sum of some terms; the first may be what it holds already.

    >>> some = np.array([1, 2])
    >>> add_up([some, np.array([10, 20]), np.array([100, 200])], some)
    >>> some
    array([111, 222])
    """
    if len(terms) == 1:
        total[...] = terms[0]
    else:
        np.add(terms[0], terms[1], out=total)
    for term in terms[2:]:
        np.add(total, term, out=total)


def inner_sums(
    lay: Layout, pixels: Array, rows: slice, filters: Array, dtype: "np.dtype[Any]", take: Take
) -> Iterator[list[Array]]:
    """Yield, plane by plane, the products (g, K/G, p*W') of lines of the filters (g, R, K/G, c*S) with the pixels (g*c, H, W).

    They are good until those of the next plane are asked for.
    """
    g, _, some, terms = filters.shape
    length = (rows.stop - rows.start) * lay.width
    for plane in planes(lay, filters.shape[1], rows):
        matrix = filters[:, plane.taps]  # (g, R of this plane, K/G, c*S)
        count, apart = matrix.shape[1], plane.apart * lay.width
        columns = take("columns", (len(pixels), terms * g // len(pixels), length + (count - 1) * apart), dtype)
        stretch_lines(lay, plane, pixels, rows.start, columns)
        sums = take("sums", (g, count, some, columns.shape[2]), dtype)
        np.matmul(matrix.reshape(g, -1, terms), columns.reshape(g, terms, -1), out=sums.reshape(g, count * some, -1))
        yield [sums[:, r, :, r * apart : r * apart + length] for r in range(count)]


def planes(lay: Layout, R: int, rows: slice) -> list[Plane]:
    """Return the planes of rows that a filter of R lines reads for some ``rows`` of windows.

    Lines that reach further than there are rows, by dilation or by their number, have a plane each: else most of the products
    would be of rows that only other lines read.
    """
    some = []
    for plane in lay.rows:
        lines = range(R)[plane.taps]
        if (len(lines) - 1) * plane.apart <= rows.stop - rows.start:
            some.append(plane)
        else:
            some += [plane._replace(taps=slice(r, r + 1), shift=plane.shift + i * plane.apart) for i, r in enumerate(lines)]
    return some


def stretch_lines(lay: Layout, plane: Plane, pixels: Array, first: int, columns: Array) -> None:
    """Fill columns (c, S, rows*W') with what a line of a filter reads of the pixels (c, H, W), tap by tap, in so many rows.

    They are rows of one ``plane``, from the one on that its first line meets in window row ``first``. Where a tap reaches over
    an edge there are zeros. One tap's row is the pixels themselves; the others' are copies of it, some places further along.
    """
    (channels, S, _), wide = columns.shape, lay.width
    grid = columns.reshape(channels, S, -1, wide)
    p, inside = meeting(plane.cells, grid.shape[2], 1, first + plane.shift)
    grid[:, :, : p.start] = grid[:, :, p.stop :] = 0
    start, stop = p.start * wide, p.stop * wide
    for column in lay.columns:
        image = pixels[:, plane.first :: lay.step[0], column.first :: lay.step[1]][:, inside]
        shifts = {s: column.shift + i * column.apart for i, s in enumerate(range(S)[column.taps])}
        straight = next((s for s, shift in shifts.items() if shift == 0), None)
        run = columns[:, straight or 0, start:stop]
        if image.shape[2] == wide and image.strides[1:] == (wide * image.itemsize, image.itemsize):
            run = image.reshape(channels, -1)  # the same, but of another array: NumPy knows that it does not overlap
        for s in sorted(shifts, key=lambda s: s != straight):
            shift, line = shifts[s], grid[:, s, p]  # (c, rows, W')
            if straight in (None, s):
                q, seen = meeting(column.cells, wide, 1, shift)
                line[:, :, q] = image[:, :, seen]
                line[:, :, : q.start] = line[:, :, q.stop :] = 0
                continue
            length = max(0, stop - start - abs(shift))
            here, there = (start, stop - length) if shift > 0 else (stop - length, start)
            columns[:, s, here : here + length] = run[:, there - start : there - start + length]
            if shift > 0:
                line[:, :, max(0, wide - shift) :] = 0
            else:
                line[:, :, :-shift] = 0


def weight_gradient(a: Conv, g: Array, grad_w: Array, take: Take) -> None:
    """Fill grad_w (K, C/G, R, S) with the sum of products of g (N, K, P, Q) and columns; threads share out the groups.

    What line r of the filters meets is the same columns, a row further down for each r.
    """
    (N, K, P, Q), (R, S), G = g.shape, grad_w.shape[2:], a.groups
    depth, lay = a.x.shape[1] // G, layout(a, P, Q)
    sums = np.zeros((R, G, K // G, depth * S), g.dtype)
    work_of_all = N * G * depth * S * P * lay.width * COPIED
    blocks = blocks_of(1, G, P, (depth * S + K // G) * lay.width * g.itemsize, parts(work_of_all))
    shares = [[b for b in blocks if b[1].start == start] for start in dict.fromkeys(b[1].start for b in blocks)]

    def work(some: Iterator[list[Block]]) -> None:
        for n, (_, groups, rows) in (pair for share in some for pair in product(range(N), share)):
            pixels = a.x[n, groups.start * depth : groups.stop * depth]
            block = g[n].reshape(G, K // G, P, Q)[groups, :, rows]  # (g, K/G, p, Q)
            if lay.width > Q:
                grid = take("g", (*block.shape[:3], lay.width), g.dtype)
                grid[..., :Q], grid[..., Q:] = block, 0
                block = grid
            block = block.reshape(*block.shape[:2], -1)
            for plane in planes(lay, R, rows):
                lines, apart = range(R)[plane.taps], plane.apart * lay.width
                columns = take("columns", (len(pixels), S, block.shape[2] + (len(lines) - 1) * apart), g.dtype)
                stretch_lines(lay, plane, pixels, rows.start, columns)
                columns.reshape(len(pixels), S, -1, lay.width)[..., Q:] = 0  # what no window reads may be infinite
                stretched = columns.reshape(len(block), depth * S, -1).conj().swapaxes(1, 2)
                for i, r in enumerate(lines):
                    sums[r, groups] += np.matmul(block, stretched[:, i * apart : i * apart + block.shape[2]])

    products(work, shares, work_of_all)
    grad_w.reshape(G, K // G, depth, R, S)[...] = sums.reshape(R, G, K // G, depth, S).transpose(1, 2, 3, 0, 4)
