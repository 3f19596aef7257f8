"""Winograd's minimal filtering for 3×3 filters: fewer multiplications, for a weaker error bound.

    tile of m×m outputs = A.T @ [(G @ filter @ G.T) * (B.T @ tile of (m+2)×(m+2) inputs @ B)] @ A

Summed over the channels, the product in the middle is a matrix product for each of the (m+2)² places of a tile: 16 products do
for 4 outputs what takes 36 multiplications directly (m = 2), 36 for 16 outputs what takes 144 (m = 4). The transforms are
matrix products too: a tile as a column of (m+2)² values, times ``kron(B.T, B.T)``. Stride 1, dilation 1 and 3×3 filters only.

Letters: N images, C channels, K filters, P×Q output cells; G groups; T tiles; n = m + 2, the side of a tile.
"""

from collections.abc import Iterator
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from contract import Array, Conv, Pair
from vectorized.blocks import cut
from vectorized.filters import Take
from vectorized.threads import parts, products
from vectorized.windows import meeting

BLOCK_BYTES = 8 * 2**20  # of all buffers of a thread together
WRITTEN = 200  # measured: to write a transformed filter's value takes as long as so many multiplications
Block = tuple[int, int, int]  # an image, its first row of tiles, how many rows


class Transforms(NamedTuple):
    """The matrices of F(m×m, 3×3)."""

    B_T: Array  # (n, n), of the input
    G: Array  # (n, 3), of the filter
    A_T: Array  # (m, n), of the output


F2 = Transforms(
    np.array([[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, 1, 0, -1]], float),
    np.array([[2, 0, 0], [1, 1, 1], [1, -1, 1], [0, 0, 2]]) / 2,
    np.array([[1, 1, 1, 0], [0, 1, -1, -1]], float),
)
F4 = Transforms(
    np.array(
        [
            [4, 0, -5, 0, 1, 0],
            [0, -4, -4, 1, 1, 0],
            [0, 4, -4, -1, 1, 0],
            [0, -2, -1, 2, 1, 0],
            [0, 2, -1, -2, 1, 0],
            [0, 4, 0, -5, 0, 1],
        ],
        float,
    ),
    np.array([[6, 0, 0], [-4, -4, -4], [-4, 4, -4], [1, 2, 4], [1, -2, 4], [0, 0, 24]]) / 24,
    np.array([[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]], float),
)


def refusal(a: Conv) -> str | None:
    """Return why this algorithm cannot do the case, or ``None`` if it can."""
    if a.weight.shape[2:] != (3, 3) or a.stride != (1, 1) or a.dilation != (1, 1):
        return (
            f"takes 3x3 filters with stride 1 and dilation 1 alone, got "
            f"{a.weight.shape[2]}x{a.weight.shape[3]}, stride {a.stride}, dilation {a.dilation}"
        )
    return None if a.x.dtype.kind in "fc" else f"takes float and complex alone, got {a.x.dtype}"


def transformed(t: Transforms, weight: Array, groups: int, dtype: np.dtype[Any]) -> Array:
    """Return the filters (K, C/G, 3, 3) as winograd multiplies them: (n*n, G, K/G, C/G)."""
    taps = np.ascontiguousarray(weight.reshape(-1, 9).T, dtype)  # (9, K*C/G)
    places = np.empty((len(t.G) ** 2, taps.shape[1]), dtype)
    matrix = np.kron(t.G, t.G).astype(dtype)

    def work(some: Iterator[slice]) -> None:
        for piece in some:
            np.matmul(matrix, taps[:, piece], out=places[:, piece])

    moved = WRITTEN * places.size
    products(work, cut(taps.shape[1], parts(moved)), moved, quiet=True)
    return places.reshape(len(places), groups, weight.shape[0] // groups, weight.shape[1])


def winograd(t: Transforms, a: Conv, y: Array, filters: Array, take: Take) -> None:
    """Fill y (N, K, P, Q) some rows of tiles at a time, with the filters transformed to (n*n, G, K/G, C/G).

    Memory: the transformed filters, K*(C/groups)*n*n values, and BLOCK_BYTES of tiles for each thread. Arithmetic:
    N*K*(C/groups)*P*Q*(n/m)² multiplications, where a direct product has 9, and those of the transforms. Error class: winograd.
    Source: Lavin, Gray, "Fast Algorithms for Convolutional Neural Networks", 2016.
    """
    (N, K, P, Q), C, G, (m, n) = y.shape, a.x.shape[1], a.groups, t.A_T.shape
    into, out_of = (np.kron(matrix, matrix).astype(y.dtype) for matrix in (t.B_T, t.A_T))
    bias = None if a.bias is None else a.bias.astype(y.dtype)[:, np.newaxis, np.newaxis]
    down, wide = -(-P // m), -(-Q // m) + 1  # tiles; the last ones may reach past the result, into zeros

    def work(blocks: Iterator[Block]) -> None:
        for i, first, high in blocks:
            length = high * wide
            one = take("one", (n * n * max(C, K) * length,), y.dtype)  # there and back: tiles, places; sums, outputs
            two = take("two", (max(n * n * C, m * m * K) * length,), y.dtype)
            tiles, places = (buffer[: n * n * C * length].reshape(n * n, C * length) for buffer in (one, two))
            sums = one[: n * n * K * length].reshape(n * n, K * length)
            outputs = two[: m * m * K * length].reshape(m * m, K * length)
            gather(a, i, first, (m, n), (high, wide), tiles.reshape(n, n, C, length), take)
            np.matmul(into, tiles, out=places)
            np.matmul(filters, places.reshape(n * n, G, C // G, length), out=sums.reshape(n * n, G, K // G, length))
            np.matmul(out_of, sums, out=outputs)
            grid = outputs.reshape(m, m, K, high, wide)
            for p, q in product(range(m), range(m)):
                cells = y[i, :, first * m + p : min((first + high) * m, P) : m, q::m]  # that cell of every tile
                cells[...] = grid[p, q, :, : cells.shape[1], : cells.shape[2]]
            if bias is not None:
                y[i, :, first * m : (first + high) * m] += bias

    macs = N * (K * C // G + 2 * n * (K + C)) * down * wide * n * n
    rows = block_rows(down, wide * n * n * (C + max(C, K)) * y.itemsize, max(1, parts(macs) // N))
    products(work, [(i, first, min(rows, down - first)) for i in range(N) for first in range(0, down, rows)], macs)


def block_rows(rows: int, row_bytes: int, least: int) -> int:
    """Return how many rows of tiles make a block of at most BLOCK_BYTES, of equal heights; ``least`` blocks at least.

    >>> block_rows(rows=10, row_bytes=2**21, least=1), block_rows(rows=10, row_bytes=2**10, least=2)
    (4, 5)
    >>> block_rows(rows=16, row_bytes=2**21, least=3), block_rows(rows=5, row_bytes=2**24, least=1)  # six blocks; single rows
    (3, 1)
    """
    blocks = max(least, -(-rows // max(1, BLOCK_BYTES // row_bytes)))
    return -(-rows // min(rows, blocks + -blocks % least))


def gather(a: Conv, i: int, first: int, sizes: tuple[int, int], count: Pair, tiles: Array, take: Take) -> None:
    """Fill tiles (n, n, C, rows*columns) with the tiles of image i, from row ``first`` of them on.

    The pixels are dealt out first: every m-th of every m-th row lies in a plane of its own, flat, so that one place of all
    tiles is one long copy. The last tile of each row is none: it wraps into the next row.
    """
    (_, C, H, W), ((top, _), (left, _)), (m, n), (high, wide) = a.x.shape, a.padding, sizes, count
    flat = take("planes", (m, m, C, (high + 1) * wide + 1), tiles.dtype)
    flat[..., -1] = 0
    planes = flat[..., :-1].reshape(m, m, C, high + 1, wide)
    for p, q in product(range(m), range(m)):
        down, row = meeting(H, high + 1, m, first * m + p - top)
        across, column = meeting(W, wide, m, q - left)
        plane = planes[p, q]
        plane[:, : down.start] = plane[:, down.stop :] = plane[:, down, : across.start] = plane[:, down, across.stop :] = 0
        plane[:, down, across] = a.x[i, :, row, column]
    for p, q in product(range(n), range(n)):
        start = p // m * wide + q // m
        np.copyto(tiles[p, q], flat[p % m, q % m, :, start : start + high * wide])
