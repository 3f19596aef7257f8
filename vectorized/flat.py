"""im2col of whole rows: the image lies flat, so that a tap's row of columns is one long copy, however narrow it is.

    columns[c, r, s, :] = flat[c, offset of (r, s) : offset + P*W']          P*W' numbers in one piece, not P pieces of Q

W' is the width of a flat row. It has no padding beside it: where a window reaches over an edge, it meets the end of a
neighbouring row, and the few columns of which that is so are set to zero afterwards. Windows there may be fewer in a row than
W'; what lies between them is dropped at the end. For filters that are few for each group, and for small images: their products
are cheap, and the copies are what takes time. (Where a group has hardly any filters, ``lines`` copies less.) A stride reads
every S-th row and column, so these are dealt out into planes of their own first.

Letters: N images, C channels, K filters, R×S taps, P×Q output cells; G groups.
"""

from collections.abc import Iterator
from itertools import product
from typing import NamedTuple

import numpy as np

from contract import Array, Conv, Pair
from vectorized.blocks import block_size, cut
from vectorized.filters import Take
from vectorized.threads import parts, products
from vectorized.windows import meeting, phases, strided

STRIP_BYTES = 4 * 2**20  # of columns and products at a time
Block = tuple[int, slice, slice]  # an image, some groups, some rows of windows
COPIED = 50  # measured: sharing pays as if to copy a value took as long as so many multiplications


class Plane(NamedTuple):
    """One axis of a plane: every ``stride``-th cell of an image's axis, and the taps that read those."""

    taps: slice
    first: int  # the first cell of the image that is in the plane
    cells: int  # how many are
    shift: int  # where in the plane the first of these taps meets window 0; negative in the padding
    apart: int  # how far from there the next one does


class Layout(NamedTuple):
    """How the pixels of an image lie flat: in a plane for each pair of these, in rows of so many cells."""

    rows: list[Plane]
    columns: list[Plane]
    step: Pair
    windows: int  # Q, of which a flat row has
    width: int


def flat(a: Conv, y: Array, filters: Array, take: Take) -> None:
    """Fill y (N, K, P, Q) some groups, or some rows of one group, at a time, with the filters as rows (G, K/G, C/G*R*S).

    Memory, for each thread: one block of columns and products (STRIP_BYTES, or one row of one group if that is more) and its
    pixels. Arithmetic: N*K*(C/groups)*R*S*P*W' multiplications. Error class: gamma. Source: the strips of ``strips``.
    """
    (N, K, P, Q), C, G = y.shape, a.x.shape[1], a.groups
    depth, taps, lay = C // G, filters.shape[2], layout(a, P, Q)
    bias = None if a.bias is None else a.bias.astype(y.dtype).reshape(G, K // G, 1, 1)
    out = y.reshape(N, G, K // G, P, Q)

    def work(blocks: Iterator[Block]) -> None:
        for n, groups, rows in blocks:
            some, length = groups.stop - groups.start, (rows.stop - rows.start) * lay.width
            pixels = a.x[n, groups.start * depth : groups.stop * depth]
            columns = take("columns", (some, taps, length), y.dtype)
            stretch_rows(lay, pixels, rows.start, columns.reshape(-1, *a.weight.shape[2:], length), take)
            block, shape = out[n, groups, :, rows], (some, K // G, length)  # (g, K/G, p, Q)
            sums = block.reshape(shape) if lay.width == Q else take("sums", shape, y.dtype)
            np.matmul(filters[groups], columns, out=sums)
            kept = sums.reshape(*block.shape[:3], lay.width)[..., :Q]
            if bias is not None:
                np.add(kept, bias[groups], out=block)
            elif lay.width > Q:
                block[...] = kept

    work_of_all = N * G * taps * P * lay.width * (COPIED + K // G)
    products(work, blocks_of(N, G, P, (taps + K // G) * lay.width * y.itemsize, parts(work_of_all)), work_of_all)


def blocks_of(images: int, groups: int, rows: int, row_bytes: int, threads: int) -> list[Block]:
    """Return blocks of at most STRIP_BYTES: some groups, or some rows of one, with some for each thread.

    >>> blocks_of(images=1, groups=4, rows=8, row_bytes=2**10, threads=2)
    [(0, slice(0, 2, None), slice(0, 8, None)), (0, slice(2, 4, None), slice(0, 8, None))]
    """
    some, pieces = block_size(images * groups, rows, row_bytes, STRIP_BYTES, threads)
    return [
        (n, slice(g, min(g + some, groups)), piece)
        for n in range(images)
        for g in range(0, groups, some)
        for piece in cut(rows, pieces)
    ]


def steps(a: Conv, P: int, Q: int) -> Pair:
    """Return the strides, 1 where there is one window alone: it takes no step, however huge."""
    return a.stride[0] if P > 1 else 1, a.stride[1] if Q > 1 else 1


def layout(a: Conv, P: int, Q: int) -> Layout:
    """Return how the pixels lie for P×Q windows.

    A 3x3 convolution of 8×8 pixels with stride 2 and padding 1: taps 0 and 2 read columns 1, 3, 5, 7, the first of them one
    place before the windows, so that window 0 meets the padding with it; tap 1 reads columns 0, 2, 4, 6.

    >>> from contract import conv2d
    >>> lay = layout(conv2d(np.ones((1, 1, 8, 8)), np.ones((1, 1, 3, 3)), None, 2, 1, 1, 1, "floor"), 4, 4)
    >>> lay.width, *lay.columns  # doctest: +NORMALIZE_WHITESPACE
    (4, Plane(taps=slice(0, None, 2), first=1, cells=4, shift=-1, apart=1),
        Plane(taps=slice(1, None, 2), first=0, cells=4, shift=0, apart=0))
    """
    step, axes = steps(a, P, Q), list[list[Plane]]()
    for axis in (0, 1):
        planes = []
        for taps, reach, apart in phases(a.weight.shape[2 + axis], a.dilation[axis], step[axis]):
            shift, first = divmod(reach - a.padding[axis][0], step[axis])
            planes.append(Plane(taps, first, -((first - a.x.shape[2 + axis]) // step[axis]), shift, apart))
        axes.append(planes)
    rows, columns = axes
    return Layout(rows, columns, step, Q, max(Q, *(plane.cells for plane in columns)))


def stretch_rows(lay: Layout, pixels: Array, first: int, columns: Array, take: Take) -> None:
    """Fill columns (c, R, S, p*W') with what the windows from row ``first`` on read of the pixels (c, H, W) of an image.

    Where a window reaches over an edge there are zeros; in what is dropped, zeros or other pixels.
    """
    (channels, *_, length), wide, size = columns.shape, lay.width, columns.itemsize
    for row, column in product(lay.rows, lay.columns):
        some = columns[:, row.taps, column.taps]  # (c, R of this plane, S of this plane, p*W')
        shifts = [column.shift + s * column.apart for s in range(some.shape[2])]
        before, behind = max(0, -shifts[0]), max(0, shifts[-1])
        cells = (length // wide + (some.shape[1] - 1) * row.apart) * wide
        plane = take("plane", (channels, before + cells + behind), columns.dtype)
        image = plane[:, before : before + cells].reshape(channels, -1, wide)
        p, inside = meeting(row.cells, image.shape[1], 1, first + row.shift)
        for edge in (image[:, : p.start], image[:, p.stop :], image[:, p, column.cells :], plane[:, before + cells :]):
            if edge.size:
                edge[...] = 0
        image[:, p, : column.cells] = pixels[:, row.first :: lay.step[0], column.first :: lay.step[1]][:, inside]
        read = plane[:, before + shifts[0] :]
        np.copyto(some, strided(read, some.shape, (plane.strides[0], row.apart * wide * size, column.apart * size, size)))
        grid = some.reshape(*some.shape[:3], -1, wide)
        for s, shift in enumerate(shifts):
            if shift < 0:
                grid[:, :, s, :, :-shift] = 0
            if lay.windows + shift > wide:
                grid[:, :, s, :, max(0, wide - shift) :] = 0
