"""What can be left out of a failing case to make the result right."""

import time
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from contract import Array
from verification.cases import Case
from verification.diagnosis.likeness import RIGHT, due
from verification.diagnosis.results import run
from verification.diagnosis.values import bias
from verification.implementation import Implementation

KEPT = "With copies of the same arrays the result is right: it seems to keep something between calls."
LAYOUT = "With plain copies of the same arrays the result is right: their layout in memory is misread."


def cures(implementation: Implementation, case: Case, deadline: float) -> Iterator[str]:
    """Yield what makes the result right: plain copies of the arrays, or an option or a bias less."""
    arrays = {n: v for n, v in case.arguments.items() if isinstance(v, np.ndarray)}
    if _is_right(implementation, replace(case, arguments={**case.arguments, **{n: _plain(v) for n, v in arrays.items()}})):
        yield KEPT if all(map(_is_plain, arrays.values())) else LAYOUT
        return
    cured = []
    for name in case.options:
        rest = {option: v for option, v in case.options.items() if option != name}
        if time.monotonic() < deadline and _is_right(implementation, replace(case, options=rest)):
            cured.append(f"{name}={case.options[name]!r}")
    if case.arguments.get("bias") is not None:
        without = replace(case, arguments={**case.arguments, "bias": None})
        cured += ["the bias"] * _is_right(implementation, without)
    if cured:
        yield f"The result is right without {', and without '.join(cured)}."
    if "the bias" in cured:
        yield from filter(None, [bias(implementation, case)])


def _plain(array: Array) -> Array:
    """Return a copy in C order and native byte order."""
    return np.array(array, dtype=array.dtype.newbyteorder("="), order="C")


def _is_plain(array: Array) -> bool:
    """Return whether an array is what ``_plain`` makes of it."""
    return type(array) is np.ndarray and array.flags.carray and array.dtype.isnative


def _is_right(implementation: Implementation, case: Case) -> bool:
    got, right = run(implementation, case), run(RIGHT, due(implementation, case))
    return got is not None and right is not None and right.error is None and got.alike(right)
