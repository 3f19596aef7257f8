"""Data of one dtype and regime, from a seed.

    whole         small whole numbers, so that every sum is exact in its dtype and results must be equal to the bit
    full          integers over the whole range of their type
    real          numbers with all their digits, where only a bound can be asked for

and, to find rounding errors at their worst:

    cancellation  large values of either sign, alike but for their last digits: sums are much smaller than their terms
    mixture       magnitudes spread over many powers of two
    denormal      values below the smallest normal number
    peak          one huge value among ordinary ones
    onesided      positive values with all their digits: roundings of large sums
"""

from fractions import Fraction
from typing import Any

import numpy as np

from contract import Array, carrier

NASTY = ("cancellation", "mixture", "denormal", "peak", "onesided")
SPREAD = {2: 4, 4: 30, 8: 200}  # powers of two up and down, by the size of the dtype: products of two cannot overflow


class Data:
    """Arrays of one dtype and regime, one after the other, from one seed."""

    def __init__(self, dtype: np.dtype[Any], regime: str, seed: int, terms: int) -> None:
        self.dtype, self.regime, self.seed = dtype, regime, seed
        self.random = np.random.default_rng(seed)
        bits = 11 if dtype == np.float16 else 24 if carrier(dtype) in (np.float32, np.complex64) else 40
        room = (1 << bits) // max(terms, 1) // (8 if dtype.kind == "c" else 1)
        self.small = max(1, min(9, int(room**0.5)))  # for weights: the largest value that keeps every sum exact
        self.large = max(1, min(99, room // self.small))

    def __call__(self, shape: tuple[int, ...], *, small: bool = False) -> Array:
        """Return an array of this shape."""
        if self.dtype == object:
            return self._fractions(shape)
        if self.dtype.kind == "c":
            part = np.dtype(f"f{self.dtype.itemsize // 2}")
            real, imaginary = (self._real(shape, part, small) for _ in range(2))
            return (real + 1j * imaginary[..., ::-1]).astype(self.dtype)
        return self._real(shape, self.dtype, small)

    def ordered(self, shape: tuple[int, ...]) -> Array:
        """Return an image that holds no value twice, in no order; by the seed, all negative or not."""
        size, cells = int(np.prod(shape)), shape[-2] * shape[-1]
        if size <= (2000 if self.dtype == np.float16 else 120 if self.dtype.itemsize == 1 else 30000):
            planes, cells = self.random.permutation(size) + 1, size
        else:  # too many for the dtype: no value twice in each plane
            planes = self.random.permuted(np.tile(np.arange(1, cells + 1), (size // cells, 1)), axis=1)
        lowered = 0 if self.dtype.kind == "u" else (0, cells + 1, cells // 2)[self.seed % 3]
        if self.regime == "full" and self.dtype.kind in "iu":  # from the type's lowest number up, or from its highest down
            info, steps = np.iinfo(self.dtype), (planes - 1).reshape(shape).astype(self.dtype)
            lowest, highest = np.array(info.min, self.dtype), np.array(info.max, self.dtype)
            return np.asarray(highest - steps if self.seed % 2 else lowest + steps)
        return np.asarray((planes - lowered).reshape(shape).astype(self.dtype))

    def _real(self, shape: tuple[int, ...], dtype: np.dtype[Any], small: bool) -> Array:
        """Return an array of real numbers."""
        if self.regime == "full" and dtype.kind in "iu":
            info = np.iinfo(dtype)
            return self.random.integers(info.min, info.max, shape, dtype, endpoint=True)
        if self.regime == "real" or self.regime in NASTY:
            return self._rough(shape, dtype).astype(dtype)
        most = self.small if small else self.large
        if self.seed == 0:
            return (np.arange(np.prod(shape)) % most + 1).reshape(shape).astype(dtype)
        signs = 1 if dtype.kind == "u" else self.random.choice((-1, 1), shape)
        return np.asarray(self.random.integers(1, most + 1, shape) * signs).astype(dtype)

    def _fractions(self, shape: tuple[int, ...]) -> Array:
        """Return an array of fractions."""
        size = int(np.prod(shape))
        above = np.arange(1, size + 1) if self.seed == 0 else self.random.integers(-9, 10, size)
        below = self.random.integers(1, 6, size)
        array = np.empty(size, dtype=object)
        array[:] = [Fraction(int(a), int(b)) for a, b in zip(above, below, strict=True)]
        return array.reshape(shape)

    def _rough(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
        """Return numbers with all their digits, in float64."""
        normal = self.random.standard_normal(shape)
        spread = SPREAD[dtype.itemsize]
        if self.regime == "cancellation":
            return np.sign(normal) * (2.0**spread + normal)
        if self.regime == "mixture":
            return np.asarray(normal * 2.0 ** self.random.integers(-spread, spread + 1, shape))
        if self.regime == "denormal":
            return np.asarray(normal * np.finfo(dtype).tiny * self.random.choice((0.01, 1, 2.0**spread), shape))
        if self.regime == "peak" and normal.size:
            normal.flat[self.random.integers(normal.size)] *= 2.0 ** (2 * spread)
        return abs(normal) + 0.5 if self.regime == "onesided" else normal
