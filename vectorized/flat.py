"""im2col of whole rows: the padded image lies flat, so that a tap's row of columns is one long copy, however narrow it is.

    columns[c, r, s, :] = flat[c, offset of (r, s) : offset + P*W']          P*W' numbers in one piece, not P pieces of Q

W' is the width of a flat row. The last few columns of each row wrap into the next one; they are dropped at the end. The
right padding of a row is the left padding of the next. For filters that are few for each group, above all depthwise ones: their
products are cheap, and the copies are what takes time. A stride reads every S-th row and column, so these are dealt out
into planes of their own first.

Letters: N images, C channels, K filters, R×S taps, P×Q output cells; G groups.
"""

from collections.abc import Iterator

import numpy as np

from contract import Array, Conv, Pair
from vectorized.blocks import block_size, cut
from vectorized.filters import Take
from vectorized.threads import parts, products
from vectorized.windows import meeting, phases, strided

STRIP_BYTES = 4 * 2**20  # of columns and products at a time
Block = tuple[int, slice, slice]  # an image, some groups, some rows of windows
COPIED = 50  # measured: sharing pays as if to copy a value took as long as so many multiplications


def flat(a: Conv, y: Array, filters: Array, take: Take) -> None:
    """Fill y (N, K, P, Q) some groups, or some rows of one group, at a time, with the filters as rows (G, K/G, C/G*R*S).

    Memory, for each thread: one block of columns and products (STRIP_BYTES, or one row of one group if that is more) and its
    pixels. Arithmetic: N*K*(C/groups)*R*S*P*W' multiplications. Error class: gamma. Source: the strips of ``strips``.
    """
    (N, K, P, Q), C, G = y.shape, a.x.shape[1], a.groups
    depth, taps, step = C // G, filters.shape[2], steps(a, P, Q)
    wide = row_width(a, Q, step[1])
    bias = None if a.bias is None else a.bias.astype(y.dtype).reshape(G, K // G, 1, 1)
    out = y.reshape(N, G, K // G, P, Q)

    def work(blocks: Iterator[Block]) -> None:
        for n, groups, rows in blocks:
            some, length = groups.stop - groups.start, (rows.stop - rows.start) * wide
            pixels = a.x[n, groups.start * depth : groups.stop * depth]
            columns = take("columns", (some, taps, length), y.dtype)
            stretch_rows(a, pixels, rows.start, wide, step, columns.reshape(-1, *a.weight.shape[2:], length), take)
            sums = take("sums", (some, K // G, length), y.dtype)
            np.matmul(filters[groups], columns, out=sums)
            block = sums.reshape(some, K // G, -1, wide)[:, :, :, :Q]
            if bias is None:
                out[n, groups, :, rows] = block
            else:
                np.add(block, bias[groups], out=out[n, groups, :, rows])

    work_of_all = N * G * taps * P * wide * (COPIED + K // G)
    products(work, blocks_of(N, G, P, (taps + K // G) * wide * y.itemsize, parts(work_of_all)), work_of_all)


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


def row_width(a: Conv, Q: int, step: int) -> int:
    """Return the width of a flat row: neighbouring rows share their padding; with a stride, its planes are narrower."""
    (left, right), W = a.padding[1], a.x.shape[3]
    width: int = max(Q, W + max(left, right)) if step == 1 else -(-(left + W + right) // step)
    return width


def stretch_rows(a: Conv, pixels: Array, first: int, wide: int, step: Pair, columns: Array, take: Take) -> None:
    """Fill columns (c, R, S, p*W') with what the windows from row ``first`` on read of the pixels (c, H, W) of an image."""
    (channels, R, S, length), ((top, _), (left, _)), (H, W) = columns.shape, a.padding, a.x.shape[2:]
    last_row, last_column = ((taps - 1) * d // by for taps, d, by in zip((R, S), a.dilation, step, strict=True))
    high = length // wide + last_row
    plane = take("plane", (channels, high * wide + last_column), columns.dtype)
    image, size = plane[:, : high * wide].reshape(channels, high, wide), columns.itemsize
    plane[:, high * wide :] = 0
    for r, row, down in phases(R, a.dilation[0], step[0]):
        for s, column, across in phases(S, a.dilation[1], step[1]):
            p, inside_rows = meeting(H, high, step[0], first * step[0] + row % step[0] - top)
            q, inside_columns = meeting(W, wide, step[1], column % step[1] - left)
            image[:, : p.start] = image[:, p.stop :] = image[:, p, : q.start] = image[:, p, q.stop :] = 0
            image[:, p, q] = pixels[:, inside_rows, inside_columns]
            read = plane[:, row // step[0] * wide + column // step[1] :]
            some = columns[:, r, s]  # (c, R of this plane, S of this plane, p*W')
            np.copyto(some, strided(read, some.shape, (plane.strides[0], down * wide * size, across * size, size)))
