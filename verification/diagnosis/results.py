"""What a call came to, an error included, and whether two calls came to the same."""

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from contract import Array
from verification.cases import Case
from verification.implementation import Implementation, NotProvidedError, UnsupportedError


@dataclass(frozen=True, eq=False)
class Result:
    """The arrays that a call returned, or the error that it raised."""

    arrays: tuple[Array, ...] = ()
    error: Exception | None = None

    def alike(self, other: "Result") -> bool:
        """Return whether both have the same shapes, dtypes and values, to the bit, or errors of the same type."""
        if self.error is not None or other.error is not None:
            return type(self.error) is type(other.error)
        return len(self.arrays) == len(other.arrays) and all(map(_equal, self.arrays, other.arrays))

    def shapes(self) -> str:
        """Return the shapes in words."""
        return " and ".join(str(v.shape) for v in self.arrays)

    def dtypes(self) -> str:
        """Return the dtypes in words."""
        return " and ".join(v.dtype.name if v.dtype.isnative else v.dtype.str for v in self.arrays)


def run(implementation: Implementation, case: Case) -> Result | None:
    """Make a call, leaving the arguments as they were; ``None`` if the implementation does not support it."""
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"), _restored(case.arguments):
            warnings.simplefilter("ignore")
            found = implementation(case)
            found = found if isinstance(found, tuple | list) else (found,)
            return Result(tuple(np.array(v, subok=True) for v in found))
    except (NotProvidedError, UnsupportedError):
        return None
    except Exception as error:
        return Result(error=error)


@contextmanager
def _restored(arguments: Mapping[str, Any]) -> Iterator[None]:
    """Undo what a call writes to its arguments."""
    arrays = [v for v in arguments.values() if isinstance(v, np.ndarray) and v.flags.writeable]
    copies = [v.copy() for v in arrays]
    try:
        yield
    finally:
        for array, copy in zip(arrays, copies, strict=True):
            array[...] = copy


def _equal(a: Array, b: Array) -> bool:
    if a.shape != b.shape or a.dtype != b.dtype or type(a) is not type(b):
        return False
    return bool(np.all((a == b) | ((a != a) & (b != b))))  # noqa: PLR0124 - NaN alone differs from itself
