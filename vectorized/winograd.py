"""Winograd's minimal filtering for 3×3 filters: fewer multiplications, for a weaker error bound.

    tile of m×m outputs = A.T @ [(G @ filter @ G.T) * (B.T @ tile of (m+2)×(m+2) inputs @ B)] @ A

Summed over the channels, the product in the middle is a matrix product for each of the (m+2)² places of a tile: 16 products do
for 4 outputs what takes 36 multiplications directly (m = 2), 36 for 16 outputs what takes 144 (m = 4). The transforms are
matrix products too: a tile as a column of (m+2)² values, times ``kron(B.T, B.T)``. Stride 1, dilation 1 and 3×3 filters only.

Letters: N images, C channels, K filters, P×Q output cells; G groups; T tiles; n = m + 2, the side of a tile.
"""

from typing import Any, NamedTuple

import numpy as np

from contract import Array, Conv
from vectorized.filters import Take
from vectorized.windows import windows

BLOCK_BYTES = 8 * 2**20  # of all buffers together


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


def pays(a: Conv) -> bool:
    """Return whether F(4×4, 3×3) is worth its transforms: enough channels and filters to share them, and enough tiles."""
    K, depth = a.weight.shape[:2]
    return refusal(a) is None and min(K // a.groups, depth) >= 64 and a.x.shape[0] * a.x.shape[2] * a.x.shape[3] >= 28 * 28


def transformed(t: Transforms, weight: Array, groups: int, dtype: np.dtype[Any]) -> Array:
    """Return the filters (K, C/G, 3, 3) as winograd multiplies them: (n*n, G, K/G, C/G)."""
    taps = weight.astype(dtype, copy=False).reshape(-1, 9).T  # (9, K*C/G)
    places: Array = np.kron(t.G, t.G).astype(dtype) @ taps
    return places.reshape(len(places), groups, weight.shape[0] // groups, weight.shape[1])


def winograd(t: Transforms, a: Conv, y: Array, filters: Array, take: Take) -> None:
    """Fill y (N, K, P, Q) some rows of tiles at a time, with the filters transformed to (n*n, G, K/G, C/G).

    Memory: the transformed filters, K*(C/groups)*n*n values, one padded image, and BLOCK_BYTES of tiles. Arithmetic:
    N*K*(C/groups)*P*Q*(n/m)² multiplications, where a direct product has 9, and those of the transforms. Error class: winograd.
    Source: Lavin, Gray, "Fast Algorithms for Convolutional Neural Networks", 2016.
    """
    (N, K, P, Q), (C, H, W), G, (m, n) = y.shape, a.x.shape[1:], a.groups, t.A_T.shape
    (top, _), (left, _) = a.padding
    into, out_of = (np.kron(matrix, matrix).astype(y.dtype) for matrix in (t.B_T, t.A_T))
    down, across = -(-P // m), -(-Q // m)  # tiles; the last ones may reach past the result, into zeros
    image = take("image", (1, C, down * m + 2, across * m + 2), y.dtype)
    image.fill(0)
    rows = min(down, max(1, BLOCK_BYTES // (across * (2 * n * n * C + (n * n + m * m) * K) * y.itemsize)))
    for i in range(N):
        visible = image[0, :, top : top + H, left : left + W]
        visible[...] = a.x[i, :, : visible.shape[1], : visible.shape[2]]
        for first in range(0, down, rows):
            high = min(rows, down - first)
            tiles = windows(image[:, :, first * m :], (n, n), (m, m), (1, 1), (high, across))[0]  # (C, n, n, high, across)
            stretched = take("tiles", (n, n, C, high, across), y.dtype)
            np.copyto(stretched, tiles.transpose(1, 2, 0, 3, 4))
            places = take("places", (n * n, C * high * across), y.dtype)
            np.matmul(into, stretched.reshape(places.shape), out=places)
            sums = take("sums", (n * n, K * high * across), y.dtype)
            shape = (n * n, G, -1, high * across)
            np.matmul(filters, places.reshape(shape), out=sums.reshape(shape))
            outputs = take("outputs", (m * m, K * high * across), y.dtype)
            np.matmul(out_of, sums, out=outputs)
            outputs = outputs.reshape(m, m, K, high, across).transpose(2, 3, 0, 4, 1)  # (K, high, m, across, m)
            block = y[i, :, first * m : (first + high) * m]  # (K, up to high*m, Q)
            block[...] = outputs.reshape(K, high * m, across * m)[:, : block.shape[1], :Q]
            if a.bias is not None:
                block += a.bias.astype(y.dtype)[:, np.newaxis, np.newaxis]
