"""Numbers as exact integers over a power of two; and a result made of them, with what its rounding error may grow from."""

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from contract import Array

NOTHING: Array = np.zeros(0)
WORD = 62  # bits that are safe in an int64; beyond, Python's integers


class Scaled(NamedTuple):
    """An array as integers: ``parts * 2**exponent``, complex numbers in two parts, real and imaginary."""

    parts: tuple[Array, ...]  # int64, or Python integers
    exponent: int

    @property
    def bits(self) -> int:
        """Return the bits of the largest integer."""
        return max((int(abs(part).max(initial=0)).bit_length() for part in self.parts), default=0)

    def over(self, exponent: int) -> "Scaled":
        """Return the same numbers over a smaller power of two."""
        shift = self.exponent - exponent
        parts = self.parts if self.bits + shift <= WORD else tuple(part.astype(object) for part in self.parts)
        return Scaled(tuple(part << shift for part in parts), exponent)

    def conj(self) -> "Scaled":
        """Return the complex conjugates."""
        return Scaled((self.parts[0], *(-part for part in self.parts[1:])), self.exponent)

    def absolute(self) -> "Scaled":
        """Return the absolute values of the parts."""
        return Scaled(tuple(abs(part) for part in self.parts), self.exponent)


def scaled(array: Array) -> Scaled:
    """Return an array's finite values as exact integers over one power of two; NaN and Inf count as 0 here.

    >>> scaled(np.array([0.75, -2.0]))  # 3 * 2**-2, -8 * 2**-2
    Scaled(parts=(array([ 3, -8]),), exponent=-2)
    """
    if array.dtype.kind == "c":
        real, imaginary = scaled(array.real), scaled(array.imag)
        exponent = min(real.exponent, imaginary.exponent)
        return Scaled((*real.over(exponent).parts, *imaginary.over(exponent).parts), exponent)
    if array.dtype.kind in "iu":
        return Scaled((array.astype(np.int64 if array.size and int(array.max()) < 2**WORD else object),), 0)
    fraction, tops = np.frexp(np.where(np.isfinite(array), array, 0).astype(np.float64))  # |value| < 2**top
    integers = np.ldexp(fraction, 53).astype(np.int64)  # exact: a float64 has 53 bits
    if not integers.any():
        return Scaled((integers,), 0)
    _, lowest = np.frexp((integers & -integers).astype(np.float64))  # the lowest bit that is set, counted from 1
    odd, exponents = integers >> np.maximum(lowest - 1, 0), tops.astype(np.int64) - 53 + lowest - 1
    exponent = int(exponents[integers != 0].min())
    fits = int(tops[integers != 0].max()) - exponent <= WORD
    shifts = np.where(integers == 0, 0, exponents - exponent)
    return Scaled(((odd if fits else odd.astype(object)) << shifts,), exponent)


@dataclass(frozen=True)
class Exact:
    """One array of a result, exactly: ``parts * 2**exponent / divisor``, and what the error of its sums may grow from.

    A cell is a sum of ``terms`` products, whose absolute values add up to ``magnitude`` (in the same units, bias included).
    Where nothing is rounded (maxima, integers, objects) there is neither, and ``parts`` holds the array itself.
    """

    name: str  # "y", "grad_x" ...
    dtype: np.dtype[Any]
    parts: tuple[Array, ...]
    exponent: int = 0
    divisor: Any = 1  # a positive integer, or one for each cell
    magnitude: Array = field(default_factory=lambda: NOTHING)
    terms: Array = field(default_factory=lambda: NOTHING)
    factors: tuple[Array, ...] = ()  # the arrays whose products are summed: normwise error classes grow from their norms
    special: Array | None = None  # float64: NaN and Inf where the result has them, finite elsewhere
    open: Array | None = None  # cells with nothing to judge: NaN or Inf in one factor meets only padding in the other

    @property
    def is_sum(self) -> bool:
        """Return whether the cells are sums in floating point, which may be rounded."""
        return self.terms is not NOTHING

    @property
    def shape(self) -> tuple[int, ...]:
        """Return the shape of the array."""
        return self.parts[0].shape

    def map(self, change: Any) -> "Exact":
        """Return the same with every array of the result's shape changed: reshaped, say."""
        arrays = {name: getattr(self, name) for name in ("divisor", "magnitude", "terms", "special", "open")}
        changed = {name: change(v) for name, v in arrays.items() if isinstance(v, np.ndarray) and v is not NOTHING}
        return Exact(**{**self.__dict__, **changed, "parts": tuple(map(change, self.parts))})

    def rounded(self) -> Array:
        """Return the array in its dtype, each value rounded to the nearest."""
        if not self.is_sum:
            return self.parts[0]
        values = np.zeros(self.shape, np.complex128 if self.dtype.kind == "c" else np.float64)
        divisors = np.broadcast_to(self.divisor, self.shape)
        for index in np.ndindex(self.shape):
            parts = [_nearest(int(part[index]), self.exponent, int(divisors[index])) for part in self.parts]
            values[index] = parts[0] if len(parts) == 1 else complex(*parts)
        if self.special is not None:
            values = np.where(np.isfinite(self.special), values, self.special)
        with np.errstate(all="ignore"):
            return values.astype(self.dtype)


def _nearest(integer: int, exponent: int, divisor: int) -> float:
    """Return the float64 nearest to ``integer * 2**exponent / divisor``."""
    value = Fraction(integer, divisor) * Fraction(2) ** exponent
    try:
        return float(value)
    except OverflowError:
        return np.inf if value > 0 else -np.inf
