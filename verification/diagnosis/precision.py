"""How many bits an implementation's arithmetic seems to have: its errors beside the size of the terms that it adds."""

from fractions import Fraction
from math import log2
from typing import Any

import numpy as np

from contract import Array
from verification.cases import Case
from verification.diagnosis.likeness import due
from verification.diagnosis.results import Result, run
from verification.implementation import Implementation

BITS = {"float32": 24, "float64": 53}  # of the significand
WORK = 20_000  # products: fractions are slow
SPARE = 5  # bits: a sum of a few dozen terms may lose as many
FEWEST = 6  # bits: no arithmetic in use has fewer for its sums


def precision(implementation: Implementation, exact: Implementation, case: Case, got: Result) -> str:
    """Return a sentence if errors are larger than rounding in the dtype of ``case`` makes them; ``exact`` does fractions.

    Arithmetic of few bits is right on numbers of 0, 1 and -1, whose sums are small; what is wrong there too is of another kind.
    """
    if case.dtype.name not in BITS or case.operation.startswith("max") or whole(case) or not _finite(case):
        return ""
    if np.prod([np.size(v) for v in case.arguments.values() if isinstance(v, np.ndarray)], dtype=float) > WORK:
        return ""
    asked = due(implementation, case)
    right, sizes = run(exact, _fractions(asked, False)), run(exact, _fractions(asked, True))
    if right is None or sizes is None or right.error is not None or sizes.error is not None:
        return ""
    worst = max((_ratio(*v) for v in zip(got.arrays, right.arrays, sizes.arrays, strict=False)), default=Fraction(0))
    carried = BITS[case.dtype.name]
    bits = max(-log2(worst), 0.0) if worst else carried
    if not FEWEST <= bits <= carried - SPARE:
        return ""
    signs = _signs(case)
    right, found = run(exact, due(implementation, signs)), run(implementation, signs)
    if case.operation.startswith("conv") and right is not None and found is not None and not found.alike(right):
        return ""
    return (
        f"Errors reach 2^-{bits:.0f} of what a sum's terms add up to in size: that is arithmetic with about {bits:.0f} bits, "
        f"where {case.dtype.name} has {carried}."
    )


def whole(case: Case) -> bool:
    """Return whether all numbers are whole, or none: then results are compared to the bit."""
    arrays = [np.asarray(v) for v in case.arguments.values() if isinstance(v, np.ndarray)]
    with np.errstate(invalid="ignore"):
        return all(v.dtype.kind not in "fc" or bool(np.all((v == np.rint(v)) | ~np.isfinite(v))) for v in arrays)


def _finite(case: Case) -> bool:
    return all(bool(np.isfinite(v).all()) for v in case.arguments.values() if isinstance(v, np.ndarray))


def _fractions(case: Case, absolute: bool) -> Case:
    """Return the call on fractions, or on their absolute values."""
    arguments: dict[str, Any] = dict(case.arguments)
    for name, value in case.arguments.items():
        if isinstance(value, np.ndarray):
            numbers = [Fraction(abs(float(v)) if absolute else float(v)) for v in value.flat]
            arguments[name] = np.array([*numbers, None], object)[:-1].reshape(value.shape)
    options = {n: abs(v) if absolute and n == "divisor_override" and v else v for n, v in case.options.items()}
    return Case(case.operation, arguments, options)


def overflow(case: Case, got: Result, right: Result) -> str:
    """Return a sentence if a result is not finite where the right one is."""
    if case.dtype.kind not in "fc" or not _finite(case):
        return ""
    here, due = (all(np.isfinite(v).all() for v in each.arrays) for each in (got, right))
    if here or not due:
        return ""
    return f"It overflows, or has NaN, where {case.dtype.name} has room: is a part of it worked out in a narrower type?"


def _signs(case: Case) -> Case:
    """Return the call with nothing but the signs of its numbers."""
    given = case.arguments.items()
    return Case(case.operation, {n: np.sign(v) if isinstance(v, np.ndarray) else v for n, v in given}, case.options)


def _ratio(got: Array, right: Array, sizes: Array) -> Fraction:
    """Return the largest error over the size of the terms."""
    if got.shape != right.shape or not np.isfinite(got).all():
        return Fraction(0)
    errors = (abs(Fraction(float(g)) - r) / s for g, r, s in zip(got.flat, right.flat, sizes.flat, strict=True) if s)
    return max(errors, default=Fraction(0))
