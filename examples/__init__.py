"""Adapters that let the suite verify code by others: each a few lines, under the contract's names (see docs/examples.md).

An adapter has in its signatures what the library does, and no more. What several of them need is here.
"""

from itertools import starmap
from numbers import Integral


def pair(value):
    """Return an int or a pair as a pair."""
    return (value, value) if isinstance(value, Integral) else tuple(value)


def rounds_up(rounding, shape, kernel, stride, padding, dilation=1):
    """Return ``ceil_mode`` for a ``rounding``; "exact", which the libraries lack, is refused where the windows do not tile."""
    if rounding not in ("exact", "floor", "ceil"):
        raise ValueError(f"unknown rounding {rounding!r}")
    axes = zip(shape[-2:], *map(pair, (kernel, kernel if stride is None else stride, padding, dilation)), strict=True)
    if rounding == "exact" and any(starmap(_remainder, axes)):
        raise ValueError("the windows do not tile the input")
    return rounding == "ceil"


def _remainder(size, taps, step, pad, apart):
    return step > 0 and (size + 2 * pad - apart * (taps - 1) - 1) % step
