"""Comparing results: equality to the bit, or a bound derived from the data; never a guessed tolerance.

Zeros are equal whatever their sign (the order of a sum decides it), and NaN equals NaN.
"""

from fractions import Fraction
from typing import Any

import numpy as np

from contract import Array
from verification import bounds
from verification.cases import Case
from verification.oracles.numbers import Exact, Scaled, scaled
from verification.outcome import Failure, Log

FINE = 64  # bits below the data's unit in which errors and bounds are held: bounds are rounded up there


def equal(case: Case, expected: Any, got: Array, log: Log, what: str = "the result", open_cells: Array | None = None) -> None:
    """Raise Failure unless ``got`` has the shape and, to the bit, the values of ``expected``; count the case in ``log``.

    Dtypes may differ: values are compared, exactly (the check named dtype judges dtypes). ``what`` names the array;
    ``open_cells`` are not judged.
    """
    expected = np.asarray(expected)
    same_shape(case, expected.shape, got, what, expected)
    if object in (expected.dtype, got.dtype) or expected.dtype != got.dtype:
        left, right = expected.astype(object), got.astype(object)  # Python compares numbers of different types exactly
    else:
        left, right = expected, got
    wrong = np.asarray((left != right) & ~(is_nan(left) & is_nan(right)), dtype=bool)
    if open_cells is not None:
        wrong &= ~open_cells
    if wrong.any():
        index = first(wrong)
        message = f"{what}{list(index)} should be {expected[index]}, got {got[index]}{others(wrong)}"
        raise Failure(message, case, expected=expected, got=got, index=index)
    log.saw(expected)


def within(case: Case, exact: Exact, got: Array, log: Log, error_class: str = "gamma") -> float:
    """Raise Failure unless ``got`` is ``exact``, or off by no more than its error class allows; count the case in ``log``.

    Returns the largest error over its bound, which ``log.worst`` keeps too. Where nothing is rounded the bound is 0.
    """
    if not exact.is_sum:
        equal(case, exact.parts[0], got, log, exact.name, exact.open)
        return 0.0
    same_shape(case, exact.shape, got, exact.name, exact)
    numbers = _as_floats(case, exact, got)
    _special_cells(case, exact, numbers)
    results = scaled(numbers)
    unit = min(exact.exponent - FINE, results.exponent, bounds.carrier(exact).tiny if bounds.underflows(exact) else 0)
    allowed = bounds.bound(exact, unit, error_class)
    judged = ~bounds.overflows(exact, unit, allowed)
    for mask in (exact.open, None if exact.special is None else ~np.isfinite(exact.special)):
        judged = judged if mask is None else judged & ~mask
    error = _errors(exact, results, unit)
    wrong = np.asarray(((error > allowed) | ~np.isfinite(numbers)) & judged, dtype=bool)
    if wrong.any():
        raise _off(case, exact, got, wrong, error, allowed, unit)
    log.saw(exact.parts[0])
    ratios = [e / b for e, b in zip(error[judged].ravel(), allowed[judged].ravel(), strict=True) if b]
    worst = float(max(ratios, default=0.0))
    log.worst = max(log.worst, worst)
    return worst


def judge(case: Case, exacts: tuple[Exact, ...], got: tuple[Array, ...], log: Log, error_class: str = "gamma") -> float:
    """Compare every array of a result; return the largest error over its bound."""
    return max(within(case, exact, array, log, error_class) for exact, array in zip(exacts, got, strict=True))


def same_shape(case: Case, shape: tuple[int, ...], got: Array, what: str = "the result", expected: Any = None) -> None:
    """Raise Failure unless ``got`` has this shape."""
    if got.shape != shape:
        expected = expected.rounded() if isinstance(expected, Exact) else expected
        raise Failure(f"{what} should have shape {shape}, got {got.shape}", case, expected=expected, got=got)


def is_nan(array: Array) -> Array:
    """Return where an array holds NaN; of objects too."""
    return np.asarray(array != array, dtype=bool)  # noqa: PLR0124 - NaN alone differs from itself, in every dtype


def first(mask: Array) -> tuple[int, ...]:
    """Return the first index, in row-major order, where a mask is true."""
    return tuple(int(i) for i in np.argwhere(mask)[0])


def others(wrong: Array) -> str:
    """Return how many cells are wrong, as the end of a sentence."""
    count = int(wrong.sum())
    return f" ({count} of {wrong.size} cells are wrong)" if count > 1 else ""


def _as_floats(case: Case, exact: Exact, got: Array) -> Array:
    """Return a result as floating-point numbers, complex ones if that is what was asked for."""
    if exact.dtype.kind == "c":
        return got.astype(np.complex128)
    if got.dtype.kind == "c" and not got.imag.any():
        got = got.real
    if got.dtype.kind not in "fiu":
        raise Failure(f"{exact.name} should be {exact.dtype}, got {got.dtype}", case, expected=exact.rounded(), got=got)
    return got if got.dtype.kind == "f" else got.astype(np.float64)


def _special_cells(case: Case, exact: Exact, numbers: Array) -> None:
    """Raise Failure where the exact result is NaN or infinite and the given one differs."""
    if exact.special is None:
        return
    wrong = ~np.isfinite(exact.special) & ~np.equal(exact.special, numbers) & ~(np.isnan(exact.special) & np.isnan(numbers))
    wrong = wrong if exact.open is None else wrong & ~exact.open
    if wrong.any():
        index, expected = first(wrong), exact.rounded()
        message = f"{exact.name}{list(index)} should be {expected[index]}, got {numbers[index]}{others(wrong)}"
        raise Failure(message, case, expected=expected, got=numbers, index=index)


def _errors(exact: Exact, results: Scaled, unit: int) -> Array:
    """Return the error of each cell (of its worse part), in units of ``2**unit / divisor``."""
    errors = []
    for wanted, found in zip(exact.parts, results.parts, strict=True):
        left = wanted.astype(object) << exact.exponent - unit
        right = (found.astype(object) << results.exponent - unit) * exact.divisor
        errors.append(abs(right - left))
    result: Array = np.maximum.reduce(errors)
    return result


def _off(case: Case, exact: Exact, got: Array, wrong: Array, error: Array, allowed: Array, unit: int) -> Failure:
    """Return the failure for a result beyond its bound."""
    index, expected = first(wrong), exact.rounded()
    scale = Fraction(2) ** unit / int(np.broadcast_to(exact.divisor, exact.shape)[index])
    off, limit = float(error[index] * scale), float(allowed[index] * scale)
    message = f"{exact.name}{list(index)} should be {expected[index]}, got {got[index]}"
    if limit and np.isfinite(got[index]):
        message += f", off by {off:.3g}: {off / limit:.3g} times the bound {limit:.3g}"
    return Failure(message + others(wrong), case, expected=expected, got=got, index=index, bound=limit)
