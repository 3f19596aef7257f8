"""What wrong values have in common: which results they are in, where, and how they come from the right ones."""

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction

import numpy as np

from contract import Array
from verification.cases import Case
from verification.diagnosis.keeping import IMAGES, numbered, unseen
from verification.diagnosis.likeness import RIGHT, due
from verification.diagnosis.reading import Small
from verification.diagnosis.results import Result, run
from verification.implementation import Implementation

AXES = {4: ("image", "channel", "row", "column"), 3: ("channel", "row", "column")}


def outputs(case: Case, got: Result, right: Result) -> str:
    """Return which of several results are wrong, in a sentence, if some are right."""
    if len(got.arrays) != len(right.arrays):
        return ""
    hit = {n: different(a, b).any() for n, a, b in zip(case.outputs, got.arrays, right.arrays, strict=False)}
    wrong, fine = (" and ".join(name for name, is_hit in hit.items() if is_hit == side) for side in (True, False))
    return f"Wrong: {wrong}; right: {fine}." if wrong and fine else ""


def relation(implementation: Implementation, small: Small, dtype: np.dtype[np.generic]) -> str:
    """Return how the values of a small call come from the right ones, in a sentence, if there is a simple rule."""
    case = numbered(unseen(small, IMAGES + 2), dtype if dtype.kind == "f" else np.dtype(np.float64), 2)
    arrays = {n: v for n, v in case.arguments.items() if isinstance(v, np.ndarray)}
    signed = {n: np.where(np.arange(v.size).reshape(v.shape) % 3 == 1, -v, v) for n, v in arrays.items()}
    case = replace(case, arguments={**case.arguments, **signed})
    got, right = run(implementation, case), run(RIGHT, due(implementation, case))
    if got is None or right is None or got.error is not None or right.error is not None:
        return ""
    for name, a, b in zip(case.outputs, got.arrays, right.arrays, strict=False):
        if a.shape == b.shape and a.dtype.kind == b.dtype.kind == "f" and (rule := _rule(a, b)):
            return f"In a call with {IMAGES} images, {name} {rule}."
    return ""


def _rule(got: Array, right: Array) -> str:
    """Return how one array comes from the other, in words; "" for no simple rule, or if they are alike."""
    if not different(got, right).any() or not np.isfinite(got).all():
        return ""
    if np.array_equal(got, np.maximum(right, 0)):
        return "has 0 for everything negative, as after a ReLU"
    if np.array_equal(got, abs(right)):
        return "has lost its signs"
    there = right != 0
    if got[~there].any() or there.sum() < IMAGES:
        return ""
    ratios = got[there] / right[there]
    if np.ptp(ratios) > 4 * np.finfo(got.dtype).eps * abs(ratios).max() or not ratios[0]:
        return ""
    return f"is {Fraction(float(ratios[0])).limit_denominator(9999)} times what it should be, everywhere"


def bias(implementation: Implementation, case: Case) -> str:
    """Return which bias a cell gets that should get another, where x and the weight are all zeros."""
    if case.arguments.get("bias") is None:
        return ""
    codes = np.arange(1, 1 + len(case.arguments["bias"])).astype(case.dtype)
    blank = {name: np.zeros_like(case.arguments[name]) for name in ("x", "weight")}
    call = replace(case, arguments={**case.arguments, **blank, "bias": codes}, sources={})
    got, right = run(implementation, call), run(RIGHT, due(implementation, call))
    if got is None or right is None or not got.arrays or not right.arrays or got.alike(right):
        return ""
    a, b = got.arrays[0], right.arrays[0]
    if a.shape != b.shape or not different(a, b).any():
        return ""
    at = tuple(int(i) for i in np.argwhere(different(a, b))[0])
    found = f"bias[{int(a[at]) - 1}]" if a[at] in codes else "nothing" if a[at] == 0 else str(a[at])
    of = f", where the bias is {codes.tolist()}" if found == str(a[at]) else ""
    return f"y[{', '.join(map(str, at))}] should get bias[{int(b[at]) - 1}], and gets {found}{of}."


def where(got: Result, right: Result) -> Iterator[str]:
    """Yield where the wrong cells are, if they are not everywhere."""
    for a, b in zip(got.arrays, right.arrays, strict=False):
        if a.shape != b.shape or a.ndim not in AXES:
            continue
        wrong = different(a, b)
        places = [_some(name, wrong, axis) for axis, name in enumerate(AXES[a.ndim])]
        if wrong.any() and any(places):
            yield f"Of the result above, only these are wrong: {', '.join(filter(None, places))}."
            return


def different(a: Array, b: Array) -> Array:
    """Return where two arrays differ, NaN equal to NaN; everywhere if their shapes do."""
    if a.shape != b.shape:
        return np.ones(b.shape, bool)
    return np.asarray((a != b) & ~((a != a) & (b != b)), dtype=bool)  # noqa: PLR0124 - NaN


def _some(name: str, wrong: Array, axis: int) -> str:
    """Return which images, channels, rows or columns hold wrong cells, if some hold none."""
    hit = wrong.any(tuple(i for i in range(wrong.ndim) if i != axis))
    places, n = np.flatnonzero(hit), wrong.shape[axis]
    if len(places) in (0, n):
        return ""
    if len(places) == 1:
        return f"{name} {places[0]}" + " (the last)" * bool(places[0] == n - 1)
    if np.array_equal(places, np.arange(places[0], n)):
        return f"{name}s from {places[0]} on"
    return f"{name}s {', '.join(map(str, places[:4]))}{' ...' if len(places) > 4 else ''}"
