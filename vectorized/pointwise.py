"""The 1×1 convolution: an image is its own matrix of columns, so nothing is stretched.

    y (K, H*W) = filters (K, C) @ x (C, H*W) + bias          for every image and every group

Does not pad, and takes no larger filters. A stride keeps every S-th pixel of every S-th row, copied once.
"""

from collections.abc import Iterator

import numpy as np

from contract import Array, Conv
from vectorized.blocks import cut
from vectorized.filters import Take
from vectorized.strips import FEW, LEAST_COLUMNS
from vectorized.threads import parts, products


def refusal(a: Conv) -> str | None:
    """Return why this algorithm cannot do the case, or ``None`` if it can."""
    if a.weight.shape[2:] != (1, 1):
        return f"takes 1x1 filters alone, got {a.weight.shape[2]}x{a.weight.shape[3]}"
    if a.padding != ((0, 0), (0, 0)):
        return f"does not pad, got padding {a.padding}"
    return None


def pointwise(a: Conv, y: Array, filters: Array, take: Take) -> None:
    """Fill y (N, K, P, Q) by one product of the filters (G, K/G, C/G) and the pixels as they stand.

    Memory: none; with a stride, an x that is not contiguous, or more than 2*C filters, one image of C*P*Q values. Arithmetic:
    N*K*(C/groups)*P*Q multiplications. Error class: gamma.
    """
    (N, K, P, Q), C, G = y.shape, a.x.shape[1], a.groups
    rows, columns = (slice(None, None, s if n > 1 else None) for s, n in zip(a.stride, (P, Q), strict=True))
    bias = None if a.bias is None else a.bias.astype(y.dtype).reshape(G, K // G, 1)
    with_ones = bias is not None and G == 1 and K > 2 * C and filters.size <= FEW
    if bias is not None and with_ones:  # pixels are fewer than results: copied, below them a row of ones for the bias
        filters, bias = np.concatenate([filters, bias], 2), None
    macs = y.size * (C // G) // 2  # nothing is copied, so less is saved
    pieces = max(1, parts(macs) // N) if LEAST_COLUMNS * parts(macs) <= P * Q else 1

    def work(some: Iterator[tuple[int, slice]]) -> None:
        for n, piece in some:
            pixels = a.x[n, :, rows, columns][:, :P, :Q][:, piece]  # (C, p, Q)
            in_place = pixels.strides[1:] == (Q * y.itemsize, y.itemsize) and pixels.dtype == y.dtype  # as BLAS wants them
            if with_ones or not in_place:
                copy = take("pixels", (C + with_ones, *pixels.shape[1:]), y.dtype)
                np.copyto(copy[:C], pixels)
                copy[C:] = 1
                pixels = copy
            out = y[n].reshape(G, K // G, P * Q)[:, :, piece.start * Q : piece.stop * Q]
            np.matmul(filters, pixels.reshape(G, filters.shape[2], -1), out=out)
            if bias is not None:
                out += bias

    products(work, [(n, piece) for n in range(N) for piece in cut(P, pieces)], macs)
