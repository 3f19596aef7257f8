"""im2col in bounded memory: some megabytes of columns at a time, in one buffer that stays in the cache.

A block is a few whole images where their columns are small, or else a few rows of windows of one image. What it reads is
padded, its columns are stretched and multiplied, and the product is written straight to its place in the result; the next block
reuses the buffers. Blocks are independent: each core takes its own.

Letters: N images, C channels, K filters, R×S taps, P×Q output cells; G groups.
"""

from collections.abc import Iterator

import numpy as np

from contract import Array, Conv
from vectorized.blocks import even_blocks
from vectorized.filters import Take
from vectorized.threads import parts, products
from vectorized.windows import meeting, phases, windows

ENOUGH_COLUMNS = 320  # measured: a product of fewer takes long to lay out deep filters, for each block anew
LEAST_COLUMNS = 64  # measured: with fewer, a product by one thread is slower than half of one by two
STRIP_BYTES = 4 * 2**20  # measured: below 1 MiB the products are too small, above 8 MiB the columns leave the cache
FEW = 2**15  # values of filters, which are soon copied
COPIED = 50  # measured: sharing pays as if to copy a value took as long as so many multiplications
Block = tuple[slice, slice]  # some images, and some rows of their windows


def strips(a: Conv, y: Array, filters: Array, take: Take) -> None:
    """Fill y (N, K, P, Q) block by block, with the filters as rows (G, K/G, C/G*R*S).

    Memory, for each thread: one block of columns (STRIP_BYTES; half as much again for deep filters, or one row of windows if
    that is more) and the padded pixels that it reads. Arithmetic: N*K*(C/groups)*R*S*P*Q multiplications. Error class: gamma.
    Source: Chellapilla, Puri, Simard, 2006; cuDNN's tiling of it.
    """
    (N, K, P, Q), G = y.shape, a.groups
    bias = None if a.bias is None else a.bias.astype(y.dtype).reshape(G, K // G, 1)
    with_ones = bias is not None and G == 1 and a.weight[0, 0].size > 1 and filters.size <= FEW
    if bias is not None and with_ones:  # as one more column of the filters, and a row of ones in the columns
        filters, bias = np.concatenate([filters, bias], 2), None
    out = y.reshape(N, G, K // G, P * Q)

    def work(blocks: Iterator[Block]) -> None:
        for images, rows in blocks:
            columns = block_columns(a, (images, rows), y, take, with_ones=with_ones)  # (n, C*R*S, p*Q)
            block = out[images, :, :, rows.start * Q : rows.stop * Q]
            np.matmul(filters, columns.reshape(len(block), G, filters.shape[2], -1), out=block)
            if bias is not None:
                block += bias

    effort = work_of(a, y)
    products(work, blocks_of(a, y, effort), effort)


def work_of(a: Conv, y: Array, copied: int = COPIED) -> int:
    """Return the multiplications that y (N, K, P, Q) takes, and the copying of its columns in terms of them."""
    (N, K, P, Q), C, (R, S) = y.shape, a.x.shape[1], a.weight.shape[2:]
    return int(N * C * R * S * P * Q * (K // a.groups + copied))


def blocks_of(a: Conv, y: Array, effort: int) -> list[Block]:
    """Return the blocks of y (N, K, P, Q), each of at most STRIP_BYTES of columns, and some for each thread if that pays."""
    (N, _, P, Q), C, (R, S) = y.shape, a.x.shape[1], a.weight.shape[2:]
    threads = parts(effort) if LEAST_COLUMNS * parts(effort) <= N * P * Q else 1
    row_bytes = C * R * S * Q * y.itemsize
    enough = min(row_bytes * -(-ENOUGH_COLUMNS // Q), 3 * STRIP_BYTES // 2)  # for deep filters
    return even_blocks(N, P, row_bytes, max(STRIP_BYTES, enough), threads)


def block_columns(a: Conv, block: Block, y: Array, take: Take, *, with_ones: bool = False) -> Array:
    """Return the columns (n, C*R*S, p*Q) of a block of y (N, K, P, Q), in y's dtype, and a row of ones below them if wanted.

    They stand in a buffer of ``take``, or are x itself where nothing is to be copied.
    """
    rows, (R, S), Q = block[1], a.weight.shape[2:], y.shape[3]
    count, step = (rows.stop - rows.start, Q), a.stride[1] if Q > 1 and S > 1 else 1
    X = padded_rows(a, block, y, step, take)  # (n, C, rows read, step, W'/step)
    (n, C), depth = X.shape[:2], X.shape[1] * R * S
    if (R, S) == (1, 1) == a.stride:  # the pixels are the columns
        return windows(X[:, :, :, 0], (R, S), a.stride, a.dilation, count).reshape(n, depth, -1)
    matrix = take("columns", (n, depth + with_ones, count[0] * Q), y.dtype)
    matrix[:, depth:] = 1
    columns = matrix[:, :depth].reshape(n, C, R, S, *count)  # a view
    if step == 1:
        np.copyto(columns, windows(X[:, :, :, 0], (R, S), a.stride, a.dilation, count))
        return matrix
    for s, column, across in phases(S, a.dilation[1], step):  # the taps that read the same pixels, every step-th
        pixels, some = X[:, :, :, column % step, column // step :], columns[:, :, :, s]
        np.copyto(some, windows(pixels, (R, some.shape[3]), (a.stride[0], 1), (a.dilation[0], across), count))
    return matrix


def padded_rows(a: Conv, block: Block, y: Array, step: int, take: Take) -> Array:
    """Return the padded pixels that a block reads, (n, C, rows, step, W'/step): x itself where there is nothing to do.

    Columns are dealt out: every ``step``-th stands in one row, so that a stride reads neighbours.
    """
    (images, rows), (top, left) = block, (a.padding[0][0], a.padding[1][0])
    (_, C, H, W), R = a.x.shape, a.weight.shape[2]
    first = rows.start * a.stride[0]
    high = (rows.stop - rows.start - 1) * a.stride[0] + (R - 1) * a.dilation[0] + 1
    x = a.x[images]
    if step == 1 and a.padding == ((0, 0), (0, 0)) and x.dtype == y.dtype:
        return x[:, :, first : first + high, np.newaxis]
    wide = -(-(sum(a.padding[1]) + W) // step)
    X = take("pixels", (len(x), C, high, step, wide), y.dtype)
    p, row = meeting(H, high, 1, first - top)
    X[:, :, : p.start] = X[:, :, p.stop :] = 0
    for phase in range(step):
        q, column = meeting(W, wide, step, phase - left)
        X[:, :, p, phase, q] = x[:, :, row, column]
        X[:, :, p, phase, : q.start] = X[:, :, p, phase, q.stop :] = 0
    return X
