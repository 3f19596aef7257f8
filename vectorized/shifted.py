"""Convolution without columns (kn2row): one product for each tap, on a shifted view of the image; the products add up.

    y (K, P*W') = sum over (r, s) of  filters[:, :, r, s] (K, C) @ x[:, r*D*W' + s*D :] (C, P*W')

W' is the padded image's width: a shift by r rows and s columns is one offset into the flat image, so that no value is copied.
The last few columns of each row wrap into the next one; they are dropped at the end. Stride 1 only.

Letters: N images, C channels, K filters, R×S taps, P×Q output cells; G groups.
"""

from collections.abc import Iterator
from itertools import product

import numpy as np

from contract import Array, Conv
from vectorized.blocks import cut
from vectorized.filters import Take
from vectorized.threads import parts, products

STRIP_BYTES = 4 * 2**20  # of the two buffers of a thread that products and their sums are written to


def refusal(a: Conv) -> str | None:
    """Return why this algorithm cannot do the case, or ``None`` if it can."""
    return None if a.stride == (1, 1) else f"takes stride 1 alone, got {a.stride}"


def shifted(a: Conv, y: Array, taps: Array, take: Take) -> None:
    """Fill y (N, K, P, Q) tap by tap, with the filters as taps (R, S, G, K/G, C/G).

    Memory: one padded image, and for each thread two strips of products (STRIP_BYTES, or one row if that is more). Arithmetic:
    N*K*(C/groups)*R*S*P*W' multiplications. Error class: gamma. Source: Vasudevan, Anderson, Gregg, "Parallel Multi Channel
    Convolution using General Matrix Multiplication", 2017.
    """
    (N, K, P, Q), (C, H, W), (R, S), G = y.shape, a.x.shape[1:], a.weight.shape[2:], a.groups
    ((top, bottom), (left, right)), (d_h, d_w) = a.padding, a.dilation
    height, width = top + H + bottom, left + W + right
    flat = take("image", (G, C // G, height * width + (S - 1) * d_w), y.dtype)  # the last tap reads past the last row's end
    flat.fill(0)
    image = flat[:, :, : height * width].reshape(C, height, width)
    bias = None if a.bias is None else a.bias.astype(y.dtype)[:, np.newaxis, np.newaxis]
    macs = K * (C // G) * R * S * P * width
    least = -(-P // max(1, STRIP_BYTES // (2 * K * width * y.itemsize)))  # strips
    strips = cut(P, least + -least % parts(macs))

    def work(some: Iterator[slice]) -> None:
        for rows in some:
            length = (rows.stop - rows.start) * width
            total, one = (take(name, (G, K // G, length), y.dtype) for name in ("sums", "term"))
            for r, s in product(range(R), range(S)):
                start = (rows.start + r * d_h) * width + s * d_w
                np.matmul(taps[r, s], flat[:, :, start : start + length], out=one if r or s else total)
                if r or s:
                    total += one
            y[n, :, rows] = total.reshape(K, -1, width)[:, :, :Q]
            if bias is not None:
                y[n, :, rows] += bias

    for n in range(N):
        image[:, top : top + H, left : left + W] = a.x[n]
        products(work, strips, macs)
