"""A result that is bilinear in two arrays, exactly: in integers, with what its rounding error may grow from.

Every sum of a convolution, a gradient or an average is bilinear: a map f(a, b), given here as a function on plain arrays, that
multiplies cells of a by cells of b and adds. Run on integers it gives the value; on absolute values, the magnitude; on ones,
the number of terms; on signs, NaN and Inf, where IEEE 754 makes the result NaN or Inf.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from contract import Array
from verification.oracles.numbers import WORD, Exact, Scaled, scaled

Bilinear = Callable[[Array, Array], Array]


def bilinear(
    name: str, f: Bilinear, a: Array, b: Array, *, bias: Array | None = None, conj: str = "", blind: Bilinear | None = None
) -> Exact:
    """Return ``f(a, b) + bias``, with the complex conjugate of a or b if ``conj`` names it.

    ``bias`` must broadcast to the result. ``blind``, given where a and b hold NaN or Inf, says where these meet padding.
    """
    terms = f(np.ones(a.shape, np.int64), np.ones(b.shape, np.int64))
    if a.dtype == object:
        return Exact(name, a.dtype, (f(a, b) + (0 if bias is None else bias),))
    A, B, C = _aligned(a, b, bias, int(terms.max(initial=0)))
    parts = _values(f, A.conj() if conj == "a" else A, B.conj() if conj == "b" else B, C)
    if a.dtype.kind in "iu":
        return Exact(name, a.dtype, (wrapped(parts[0], a.dtype),))
    magnitude = _magnitude(f, A.absolute(), B.absolute(), C.absolute())
    special, open_cells = _special(f, a, b, bias, blind)
    factors = (a, b) if bias is None else (a, b, bias)
    return Exact(name, a.dtype, parts, C.exponent, 1, magnitude, terms, factors, special, open_cells)


def wrapped(integers: Array, dtype: np.dtype[Any]) -> Array:
    """Return exact integers modulo 2**bits, as the dtype represents them."""
    if integers.dtype == object:
        integers = (integers & (2**64 - 1)).astype(np.uint64)
    result: Array = integers.astype(dtype)  # from 64 bits, NumPy's own cast drops the upper ones
    return result


def _aligned(a: Array, b: Array, bias: Array | None, terms: int) -> tuple[Scaled, Scaled, Scaled]:
    """Return a, b and bias scaled so that products and bias have one exponent, in int64 only if no sum can overflow it."""
    A, B, C = scaled(a), scaled(b), scaled(np.zeros(1, a.dtype) if bias is None else bias)
    exponent = A.exponent + B.exponent
    if bias is not None:
        exponent = min(exponent, C.exponent)
    A, C = A.over(exponent - B.exponent), (C.over(exponent) if bias is not None else Scaled(C.parts, exponent))
    if max(A.bits + B.bits + (6 * terms).bit_length(), C.bits) >= WORD:  # 6: a complex magnitude has that many products a term
        A, B, C = (Scaled(tuple(part.astype(object) for part in v.parts), v.exponent) for v in (A, B, C))
    return A, B, C


def _values(f: Bilinear, A: Scaled, B: Scaled, C: Scaled) -> tuple[Array, ...]:
    """Return the exact sums, real and imaginary."""
    if len(A.parts) == 1:
        return (np.add(f(A.parts[0], B.parts[0]), C.parts[0]),)
    (ar, ai), (br, bi), (cr, ci) = A.parts, B.parts, C.parts
    return f(ar, br) - f(ai, bi) + cr, f(ar, bi) + f(ai, br) + ci


def _magnitude(f: Bilinear, A: Scaled, B: Scaled, C: Scaled) -> Array:
    """Return the sums of absolute values; for complex numbers enough of them for either way to multiply: see compare.py."""
    if len(A.parts) == 1:
        return np.add(f(A.parts[0], B.parts[0]), C.parts[0])
    (ar, ai), (br, bi), (cr, ci) = A.parts, B.parts, C.parts
    result: Array = f(ar + ai, br + bi) + f(ar, br) + f(ai, bi) + 2 * (cr + ci)
    return result


def _special(f: Bilinear, a: Array, b: Array, bias: Array | None, blind: Bilinear | None) -> tuple[Array | None, Array | None]:
    """Return the result on signs, NaN and Inf; and the cells where a NaN or Inf of a or b meets padding."""
    if all(np.isfinite(v).all() for v in (a, b, bias) if v is not None):
        return None, None
    if a.dtype.kind == "c":
        raise ValueError("NaN and Inf are judged in real numbers only")
    signs = [np.where(np.isfinite(v), np.sign(v), v).astype(np.float64) for v in (a, b, 0.0 if bias is None else bias)]
    with np.errstate(invalid="ignore"):
        special = f(signs[0], signs[1]) + signs[2]
    if blind is None:
        return special, None
    return special, blind(*((~np.isfinite(v)).astype(np.int64) for v in (a, b)))
