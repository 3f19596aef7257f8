"""Windows without copies: how many there are, by formula, and a view that shows them all.

Letters: H×W pixels, R×S taps, P×Q windows.
"""

from collections.abc import Iterator
from functools import lru_cache
from math import gcd

import numpy as np

import contract
from contract import Array, Conv, Pair, Sides


def output_size(axis: int, size: int, kernel: int, stride: int, padding: Pair, dilation: int, rounding: str) -> int:
    """Return how many windows there are along one axis: (W - F + 2P)/S + 1, with 2P = low + high and F the reach.

    ``axis`` (0 height, 1 width) is named in the error.

    Raises ValueError where that is not an integer and ``rounding`` is ``"exact"``.

    Source: the CS231n course notes; for ``"ceil"``, PyTorch's ``ceil_mode``.

    >>> output_size(1, size=7, kernel=3, stride=2, padding=(0, 0), dilation=1, rounding="exact")  # (7 - 3)/2 + 1
    3
    >>> output_size(1, size=8, kernel=3, stride=2, padding=(0, 0), dilation=1, rounding="ceil")  # 5/2 + 1, rounded up
    4
    """
    low, high = padding
    quotient, remainder = divmod(size - contract.reach(kernel, dilation) + low + high, stride)
    if remainder and rounding == "exact":
        raise contract.untiled(axis, size, kernel, stride, padding, dilation)
    if remainder and rounding == "ceil" and (quotient + 1) * stride < size + low:  # it must start left of the right padding
        return quotient + 2
    return quotient + 1


@lru_cache(maxsize=4096)  # a network asks for the same ones again and again
def output_sizes(
    size: tuple[int, ...], kernel: tuple[int, ...], stride: Pair, padding: Sides, dilation: Pair, rounding: str
) -> Pair:
    """Return (P, Q), how many windows there are along both axes of an image of this ``size``, (H, W)."""
    height, width = (
        output_size(axis, size[axis], kernel[axis], stride[axis], padding[axis], dilation[axis], rounding) for axis in (0, 1)
    )
    return height, width


def windows(x: Array, kernel: Pair, stride: Pair, dilation: Pair, count: Pair) -> Array:
    """Return the read-only view (N, C, R, S, P, Q) of x (N, C, H, W): ``view[..., r, s, p, q] = x[..., p*S + r*D, q*S + s*D]``.

    Not one value is copied: the view has other strides on the same memory.

    >>> windows(np.arange(6).reshape(1, 1, 2, 3), (2, 2), (1, 1), (1, 1), (1, 2))[0, 0, :, :, 0, 1]  # the second window
    array([[1, 2],
           [4, 5]])
    """
    (row, column), (R, S), (P, Q) = x.strides[2:], kernel, count
    taps = dilation[0] * row if R > 1 else 0, dilation[1] * column if S > 1 else 0
    steps = stride[0] * row if P > 1 else 0, stride[1] * column if Q > 1 else 0  # one window takes no step, however huge
    strides = (*x.strides[:2], *taps, *steps)
    return strided(x, (*x.shape[:2], *kernel, *count), strides)


def is_identity(a: Conv) -> bool:
    """Return whether each window is one pixel and each pixel one window, so that an image is its own columns."""
    return a.weight.shape[2:] == (1, 1) == a.stride and a.padding == ((0, 0), (0, 0))


def strided(x: Array, shape: tuple[int, ...], strides: tuple[int, ...]) -> Array:
    """Return the read-only view of x from its first value on, with other ``strides`` in bytes.

    It is NumPy's ``as_strided``, which takes longer than some layers; an array that lies in one piece can do without.
    """
    if x.dtype == object or not x.flags.c_contiguous or not x.size:
        return np.lib.stride_tricks.as_strided(x, shape, strides, writeable=False)
    view: Array = np.ndarray(shape, x.dtype, x, 0, strides)
    view.flags.writeable = False
    return view


def meeting(size: int, count: int, stride: int, offset: int) -> tuple[slice, slice]:
    """Return which windows one tap meets the unpadded axis in, and where: two slices of equal length.

    Tap r of window p stands at ``p*stride + offset``, with ``offset = r*D - padding``; it meets the axis if that is in
    ``range(size)``.

    >>> meeting(size=5, count=3, stride=2, offset=-1)  # at -1, 1, 3: windows 1 and 2
    (slice(1, 3, None), slice(1, 4, 2))
    """
    first = max(0, -(offset // stride))
    last = min(count, -((offset - size) // stride))
    if last <= first:
        return slice(0, 0), slice(0, 0)
    start = first * stride + offset
    return slice(first, last), slice(start, start + (last - first - 1) * stride + 1, stride)


def phases(taps: int, dilation: int, stride: int) -> Iterator[tuple[slice, int, int]]:
    """Yield the taps of one axis that read the same of every ``stride`` cells, where the first stands, and how far apart.

    >>> list(phases(taps=3, dilation=1, stride=2))  # taps 0 and 2 read even cells, one apart; tap 1 reads odd ones
    [(slice(0, None, 2), 0, 1), (slice(1, None, 2), 1, 0)]
    """
    period = stride // gcd(stride, dilation)
    for first in range(min(period, taps)):
        apart = period * dilation // stride if first + period < taps else 0  # one tap takes no step, however huge
        yield slice(first, None, period), first * dilation, apart
