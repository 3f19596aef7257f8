"""Comparing results: equality to the bit, or a bound derived from the data; never a guessed tolerance.

Zeros are equal whatever their sign (the order of a sum decides it), and NaN equals NaN.
"""

from typing import Any

import numpy as np

from contract import Array
from verification.cases import Case
from verification.outcome import Failure, Log


def equal(case: Case, expected: Any, got: Array, log: Log, what: str = "the result") -> None:
    """Raise Failure unless ``got`` has the shape and, to the bit, the values of ``expected``; count the case in ``log``.

    Dtypes may differ: values are compared, exactly (the check named dtype judges dtypes). ``what`` names the array.
    """
    expected = np.asarray(expected)
    same_shape(case, expected.shape, got, what, expected)
    if object in (expected.dtype, got.dtype) or expected.dtype.kind != got.dtype.kind:
        left, right = expected.astype(object), got.astype(object)  # Python compares numbers of different types exactly
    else:
        left, right = expected, got
    wrong = np.asarray((left != right) & ~(is_nan(left) & is_nan(right)), dtype=bool)
    if wrong.any():
        index = tuple(int(i) for i in np.argwhere(wrong)[0])
        message = f"{what}{list(index)} should be {expected[index]}, got {got[index]}; {wrong.sum()} of {wrong.size} are wrong"
        raise Failure(message, case, expected=expected, got=got, index=index)
    log.saw(expected)


def same_shape(case: Case, shape: tuple[int, ...], got: Array, what: str = "the result", expected: Any = None) -> None:
    """Raise Failure unless ``got`` has this shape."""
    if got.shape != shape:
        raise Failure(f"{what} should have shape {shape}, got {got.shape}", case, expected=expected, got=got)


def is_nan(array: Array) -> Array:
    """Return where an array holds NaN; of objects too."""
    return np.asarray(array != array, dtype=bool)  # noqa: PLR0124 - NaN alone differs from itself, in every dtype
