"""Depthwise convolution with the channels next to each other: every tap multiplies them all at once, each by its own value.

    y[p, q, :] = sum over (r, s) of  x[p + r, q + s, :] * w[r, s, :]                  one long run of channels for each tap

Each channel has filters of its own, so there is no product of matrices to be had, but R*S products of vectors as long as there
are channels. ``np.einsum`` multiplies and adds in one step, without columns. The pixels are turned round first, and the sums
turned back; so it pays where planes are small and channels many, as they are in the last layers of a network.

Letters: N images, C channels, H×W pixels, K filters, R×S taps, P×Q output cells; G groups, of one channel each.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from contract import Array, Conv
from vectorized.blocks import cut, even_blocks
from vectorized.filters import Take
from vectorized.threads import parts, products
from vectorized.windows import windows

STRIP_BYTES = 4 * 2**20  # of pixels and sums at a time
Block = tuple[slice, slice]  # some images, and some channels of theirs
MANY, BESIDE = 64, 16  # from how many channels on there is a gap between sums: 1024 would all fall into one set of the cache
TAP, TURNED = 10, 50  # measured: a tap and a value that is turned round take as long as so many multiplications


def refusal(a: Conv) -> str | None:
    """Return why this algorithm cannot do the case, or ``None`` if it can."""
    depth = a.weight.shape[1]
    return None if depth == 1 else f"takes depthwise layers alone, of one channel for each group, got {depth}"


def as_vectors(weight: Array, groups: int, dtype: "np.dtype[Any]") -> Array:
    """Return the filters (K, 1, R, S) as vectors over the channels, (R, S, K/G, G)."""
    K, _, R, S = weight.shape
    return np.ascontiguousarray(weight.reshape(groups, K // groups, R, S).transpose(2, 3, 1, 0), dtype)


def channels_last(a: Conv, y: Array, filters: Array, take: Take) -> None:
    """Fill y (N, K, P, Q) some channels at a time, with the filters as vectors (R, S, K/G, G).

    Memory, for each thread: the padded pixels and the sums of some channels (STRIP_BYTES, or those of one channel). Arithmetic:
    N*K*R*S*P*Q multiplications. Error class: gamma. Source: the layout of TensorFlow's depthwise convolution.
    """
    (N, K, P, Q), G = y.shape, a.groups
    bias = None if a.bias is None else a.bias.astype(y.dtype).reshape(G, K // G).T
    out = y.reshape(N, G, K // G, P, Q)

    def work(blocks: Iterator[Block]) -> None:
        for images, channels in blocks:
            seen = windows_of(a, (images, channels), y, take)  # (n, c, R, S, P, Q)
            n, c = seen.shape[:2]
            sums = take("sums", (n, P, Q, K // G, c + (BESIDE if c > MANY else 0)), y.dtype)[..., :c]
            np.einsum("ncrspq,rskc->npqkc", seen, filters[..., channels], out=sums)
            if bias is not None:
                sums += bias[:, channels]
            out[images, channels] = sums.transpose(0, 4, 3, 1, 2)

    effort = work_of(a, y)
    products(work, even_blocks(N, G, channel_bytes(a, y), STRIP_BYTES, parts(effort)), effort)


def weight_gradient(a: Conv, g: Array, grad_w: Array, take: Take) -> None:
    """Fill grad_w (K, 1, R, S) with what g (N, K, P, Q) sends back: for each tap, the sum of g times the pixels under it."""
    (N, K, P, Q), (R, S), G = g.shape, grad_w.shape[2:], a.groups
    vectors = np.zeros((R, S, K // G, G), g.dtype)
    effort = work_of(a, g)

    def work(pieces: Iterator[slice]) -> None:
        for piece in pieces:
            for images, some in even_blocks(N, piece.stop - piece.start, channel_bytes(a, g), STRIP_BYTES, 1):
                channels = slice(piece.start + some.start, piece.start + some.stop)
                seen = windows_of(a, (images, channels), g, take)
                turned = take("sums", (len(seen), P, Q, K // G, seen.shape[1]), g.dtype)
                np.conjugate(g.reshape(N, G, K // G, P, Q)[images, channels].transpose(0, 3, 4, 2, 1), out=turned)
                vectors[..., channels] += np.einsum("ncrspq,npqkc->rskc", seen, turned)

    products(work, cut(G, parts(effort)), effort)
    np.conjugate(vectors.transpose(3, 2, 0, 1), out=grad_w.reshape(G, K // G, R, S))


def work_of(a: Conv, y: Array) -> int:
    """Return what y (N, K, P, Q) takes, and turning it and its pixels, in terms of multiplications."""
    return int(y.size * (a.weight[0, 0].size * TAP + TURNED) + a.x.size * TURNED)


def channel_bytes(a: Conv, y: Array) -> int:
    """Return the bytes of a channel's padded pixels and of its results in y (N, K, P, Q)."""
    height, width = (size + sum(padding) for size, padding in zip(a.x.shape[2:], a.padding, strict=True))
    _, K, P, Q = y.shape
    return int((height * width + K // a.groups * P * Q) * y.itemsize)


def windows_of(a: Conv, block: Block, y: Array, take: Take) -> Array:
    """Return the windows (n, c, R, S, P, Q) of some images and channels, which stand in memory with the channels last."""
    (H, W), ((top, bottom), (left, right)) = a.x.shape[2:], a.padding
    x = a.x[block].transpose(0, 2, 3, 1)  # (n, H, W, c)
    padded = take("pixels", (len(x), top + H + bottom, left + W + right, x.shape[3]), y.dtype)
    padded[:, :top] = padded[:, top + H :] = 0
    inside = padded[:, top : top + H]
    inside[:, :, :left] = inside[:, :, left + W :] = 0
    inside[:, :, left : left + W] = x
    return windows(padded.transpose(0, 3, 1, 2), a.weight.shape[2:], a.stride, a.dilation, y.shape[2:])
