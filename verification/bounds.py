"""How far from the exact result a rounded one may be: bounds derived from the data, by name of error class.

    gamma      |ŷ - y| <= γ(n + 1) * (Σ|a||b| + |bias|)      n terms a cell, γ(m) = m u / (1 - m u), u = 2**-bits

This holds for any order of summation, with or without fused multiply-add, for each cell by itself (Higham, Accuracy and
Stability of Numerical Algorithms, 2nd ed., section 3.1): a product is rounded once, then passes at most n - 1 additions and the
bias's. A mean adds one division, or a rounded reciprocal and a product, and has no bias: n + 1 again. The rest of it:

- Where every partial sum is a multiple of the data's unit, and at most 2**bits units, nothing is rounded: the bound is 0.
- Underflow adds at most η, the smallest subnormal, for each product: half of it, and its share of later roundings.
- Complex: four real products give sums of 2n products, γ(2n + 1). Three products (Karatsuba: xr*wr, xi*wi and
  (xr + xi)*(wr + wi), which is how PyTorch convolves) pass at most n + 5 roundings, over the larger magnitude
  Σ((|xr| + |xi|)(|wr| + |wi|) + |xr||wr| + |xi||wi|) + 2(|br| + |bi|). γ(2n + 4) over that covers both, for each part.
- float16: the sum is carried in float32, with float32's bound E, and rounded once: + max(2**-11 * (|y| + E), 2**-25).

Weaker classes bound the whole array by norms. A function declares one by an attribute: ``conv2d.error_class = "fft"``.

    half       γ(n + 3) with u = 2**-11: nobody declares it, but sums of float16 are often carried so

    fft        u * (60 * log2 L + n + 3) * min(|a|₂|b|₁, |a|₁|b|₂)
    winograd   γ(n + 32) * 2304 * channels * max|a| * max|b|

An FFT of length L has a relative error of at most 6.7 u log2 L in the 2-norm (Higham, theorem 24.2). A convolution takes two, a
product, a sum over channels, and one back: 20 log2 L, and three times that where a length is not a power of two, as each
transform is then a convolution itself. Winograd's F(4x4, 3x3) has transforms with small constants; 2304 is the largest sum of
products of their absolute values, 48 an axis, and 32 counts their roundings (Lavin and Gray, 2016, for the matrices).
"""

from collections.abc import Callable
from fractions import Fraction
from math import ceil, log2
from typing import Any, NamedTuple

import numpy as np

from contract import Array
from verification.oracles.numbers import Exact


class Format(NamedTuple):
    """A binary floating-point format."""

    bits: int  # of the significand: the unit roundoff u is 2**-bits
    tiny: int  # 2**tiny is the smallest subnormal
    normal: int  # 2**normal is the smallest normal number
    top: int  # numbers stay below 2**top


FORMATS = {2: Format(11, -24, -14, 16), 4: Format(24, -149, -126, 128), 8: Format(53, -1074, -1022, 1024)}


def bound(exact: Exact, unit: int, error_class: str = "gamma") -> Array:
    """Return how far each part of each cell may be off, in units of ``2**unit / divisor``: integers, rounded up."""
    carried = CLASSES[error_class](exact, unit)
    if exact.dtype != np.float16:
        return carried
    half = FORMATS[2]
    largest = _units(abs(exact.parts[0]), exact, unit) + carried
    once = np.maximum(_up(largest, 1 << half.bits), _power(half.tiny - 1, unit) * exact.divisor)
    kept = (
        (carried == 0)
        & (abs(exact.parts[0]) <= 1 << half.bits)
        & (np.asarray(exact.divisor) == 1)
        & (exact.exponent >= half.tiny)
    )
    return np.where(kept, 0, carried + once)


def gamma(exact: Exact, unit: int) -> Array:
    """Return the bound of a plain sum of products, cell by cell."""
    form, complex_parts = carrier(exact), len(exact.parts) == 2
    n = exact.terms.astype(object)
    m = 2 * n + 4 if complex_parts else n + 1
    rounded = _up(_units(exact.magnitude, exact, unit) * m, (1 << form.bits) - m)
    if underflows(exact):
        rounded = rounded + _power(form.tiny, unit) * (n + 1) * exact.divisor
    return np.where(summed_exactly(exact), 0, rounded)


def half(exact: Exact, unit: int) -> Array:
    """Return the bound of a sum that is carried in float16, rounded at every step, and none where it might overflow there."""
    form, m = FORMATS[2], exact.terms.astype(object) + 3  # the mean of means is rounded once more than other means
    rounded = _up(_units(exact.magnitude, exact, unit) * m, np.maximum((1 << form.bits) - m, 1))
    rounded = rounded + _power(form.tiny, unit) * m * exact.divisor
    safe = (_units(exact.magnitude, exact, unit) < _power(form.top - 1, unit)) & (m < 1 << (form.bits - 1))
    return np.asarray(np.where(safe, rounded, _power(form.top + 1, unit) * exact.divisor))


def fft(exact: Exact, unit: int) -> Array:
    """Return the bound of a convolution by way of fast Fourier transforms, one for all cells."""
    a, b = (_finite(v) for v in exact.factors[:2])
    length = 64 * (a.size + b.size + exact.parts[0].size)  # generous: only its logarithm counts
    norms = min(np.linalg.norm(a) * abs(b).sum(), abs(a).sum() * np.linalg.norm(b))
    return _normwise(exact, unit, 60 * log2(length) + int(exact.terms.max(initial=0)) + 3, norms)


def winograd(exact: Exact, unit: int) -> Array:
    """Return the bound of a convolution by Winograd's F(4x4, 3x3), one for all cells."""
    a, b = (_finite(v) for v in exact.factors[:2])
    terms = int(exact.terms.max(initial=0))
    channels = max(b.shape[1:3]) if b.ndim == 5 else terms
    return _normwise(exact, unit, terms + 32, 2304 * channels * abs(a).max(initial=0) * abs(b).max(initial=0))


CLASSES: dict[str, Callable[[Exact, int], Array]] = {"gamma": gamma, "half": half, "fft": fft, "winograd": winograd}


def carrier(exact: Exact) -> Format:
    """Return the format in which sums are carried: float32 for float16, else the result's (complex: its parts')."""
    size = exact.dtype.itemsize // (2 if exact.dtype.kind == "c" else 1)
    return FORMATS[max(size, 4)]


def summed_exactly(exact: Exact) -> Array:
    """Return the cells where nothing can be rounded, in whatever order the terms are added."""
    divisor, form = np.asarray(exact.divisor), carrier(exact)
    whole = (divisor & (divisor - 1)) == 0  # a power of two
    unit = exact.exponent - int(divisor.max(initial=1)).bit_length() + 1
    return np.asarray(whole & (exact.magnitude <= 1 << form.bits) & (unit >= form.tiny), dtype=bool)


def underflows(exact: Exact) -> bool:
    """Return whether a product, or a mean, may be smaller than the smallest normal number."""
    return exact.exponent - int(np.max(exact.divisor, initial=1)).bit_length() < carrier(exact).normal


def overflows(exact: Exact, unit: int, allowed: Array) -> Array:
    """Return the cells where a sum on the way, or the result, may be too large for its dtype: nothing can be asked of them."""
    result = FORMATS[exact.dtype.itemsize // (2 if exact.dtype.kind == "c" else 1)]
    largest = np.maximum.reduce([_units(abs(part), exact, unit) for part in exact.parts])
    sums = _units(exact.magnitude, exact, unit)
    over = (largest + allowed) > _power(result.top - 1, unit) * exact.divisor
    return np.asarray(over | (sums > _power(carrier(exact).top - 1, unit)), dtype=bool)


def _normwise(exact: Exact, unit: int, roundings: float, norms: float) -> Array:
    """Return ``roundings * u * norms``, and the roundings of a bias and a divisor, for every cell."""
    bias = abs(_finite(exact.factors[2])).max(initial=0) if len(exact.factors) > 2 else 0
    u = Fraction(1, 1 << carrier(exact).bits)
    total = Fraction(roundings) * u * Fraction(float(norms)) + 3 * u * (Fraction(float(bias)) + Fraction(float(norms)))
    return np.full(exact.shape, ceil(total / Fraction(2) ** unit) * int(np.max(exact.divisor, initial=1)), dtype=object)


def _finite(array: Array) -> Array:
    """Return the finite values of an array in the widest precision, for their norms."""
    wide = array.astype(np.complex128 if array.dtype.kind == "c" else np.float64)
    return np.where(np.isfinite(wide), wide, 0)


def _units(integers: Array, exact: Exact, unit: int) -> Array:
    """Return integers in units of ``2**exponent`` as Python integers in units of ``2**unit``."""
    shifted: Array = integers.astype(object) << np.array(exact.exponent - unit, dtype=object)
    return shifted


def _up(a: Array, b: Any) -> Array:
    """Return a / b, rounded up."""
    quotient: Array = -(-a // b)
    return quotient


def _power(exponent: int, unit: int) -> int:
    """Return ``2**exponent`` in units of ``2**unit``, rounded up."""
    return 1 << max(exponent - unit, 0)
