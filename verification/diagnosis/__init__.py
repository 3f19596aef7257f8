"""What a failure looks like, in words: found by comparison with planted bugs, and by probing what is read.

Everything is found by calling the implementation again, on the failing case and on cases near it, and comparing what it gives
with what the reference gives, right or bent. Nothing here decides whether an implementation is wrong.
"""

import time
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from contract import Array
from verification.cases import Case
from verification.diagnosis.keeping import keeping
from verification.diagnosis.likeness import RIGHT, Likeness, affordable, due, likeness
from verification.diagnosis.options import taken_as
from verification.diagnosis.precision import precision, whole
from verification.diagnosis.reading import LEFT_OUT, Small, near, read_off
from verification.diagnosis.results import Result, run
from verification.implementation import Implementation
from verification.outcome import Failure

SECONDS = 2.0
NOTHING = "No planted bug behaves like this, and no option taken for another value explains it."
FINE = "A small call with these options, probed with one-hot arrays, reads the cells that it should."
ALONE = "Called again, alone, it gives the right result: what is wrong depends on earlier calls, on threads, or on the arrays."
KEPT = "With copies of the same arrays the result is right: it seems to keep something between calls."
LAYOUT = "With plain copies of the same arrays the result is right: their layout in memory is misread."
AXES = {4: ("image", "channel", "row", "column"), 3: ("channel", "row", "column")}


def explain(implementation: Implementation, failure: Failure) -> list[str]:
    """Return what may be the cause of a failure, a sentence each, the surest first; never raises."""
    sentences: list[str] = []
    try:
        if failure.case is not None:
            for sentence in _found(implementation, failure.case, time.monotonic() + SECONDS):
                sentences.append(sentence)  # noqa: PERF402 - keeps what is found before something goes wrong
    except Exception as error:
        sentences.append(f"The search for the cause ended early: {type(error).__name__}: {error}")
    return sentences or [NOTHING]


def _found(implementation: Implementation, case: Case, deadline: float) -> Iterator[str]:
    if not implementation.accepts(case.operation, "rounding"):
        case = replace(case, options={name: v for name, v in case.options.items() if name != "rounding"})
    if not affordable(case):
        alike = likeness(implementation, case, deadline)
        yield from _named(alike)
        return
    got, right, small = run(implementation, case), run(RIGHT, due(implementation, case)), near(implementation, case)
    if got is None or right is None:
        return
    yield from _outside(got, right)
    if small is not None and (kept := keeping(implementation, small, case.dtype, deadline)):
        yield kept  # what other calls seem to show may be of the calls before them
        return
    alike = likeness(implementation, case, deadline)
    explained = bool(alike.bugs)
    yield from _named(alike)
    if got.alike(right):
        yield from [] if explained else [ALONE]
        return
    if got.error is None and right.error is None:
        read = _read(implementation, small, explained, deadline)
        lost = precision(implementation, RIGHT, case, got) if read in ("", FINE) else ""
        yield from filter(None, [read, lost])
        if read in ("", FINE) and whole(case):
            yield from _where(got, right)
        explained = explained or bool(lost) or (read not in ("", FINE) and LEFT_OUT not in read)
    if not explained:
        yield from _cures(implementation, case, deadline)


def _named(alike: Likeness) -> Iterator[str]:
    """Yield which planted bugs the implementation behaves like."""
    if alike.bugs:
        how = "like this planted bug, which is not all that is wrong" if alike.unexplained else "exactly like this planted bug"
        yield f"It behaves {how}: {'; or: '.join(bug.sentence for bug in alike.bugs[:3])}."


def _outside(got: Result, right: Result) -> Iterator[str]:
    """Yield what can be seen without the values: errors, their absence, shapes and dtypes."""
    if right.error is not None and got.error is None:
        refusal = f"{type(right.error).__name__}: {right.error}"
        yield f"It accepts this call silently and returns shape {got.shapes()}; the contract refuses it: {refusal}."
    elif got.error is not None and right.error is None:
        raised = f"{type(got.error).__name__}: {got.error}"
        yield f"It raises {raised}; the result should have shape {right.shapes()}."
    elif got.error is not None and type(got.error) is not type(right.error):
        yield f"It raises {type(got.error).__name__}; the contract has {type(right.error).__name__}: {right.error}."
    elif got.error is None and got.shapes() != right.shapes():
        yield f"It returns shape {got.shapes()}; the result should have shape {right.shapes()}."
    elif got.error is None and got.dtypes() != right.dtypes():
        yield f"It returns dtype {got.dtypes()}; the result should have dtype {right.dtypes()}."


def _read(implementation: Implementation, small: Small | None, explained: bool, deadline: float) -> str:
    """Return what the one-hot probe reads off, and what options must be taken for, in words."""
    if small is None or time.monotonic() > deadline:
        return ""
    cell = read_off(implementation, small)
    if cell == "":
        return "" if explained else FINE
    options = [] if cell is not None and LEFT_OUT in cell else taken_as(implementation, small, deadline)
    if explained and len(options) > 1:
        options = []  # several would do, and what it is has been said
    sentence = ": ".join(filter(None, [cell, " or ".join(options[:3])]))
    return sentence and f"{sentence}."


def _where(got: Result, right: Result) -> Iterator[str]:
    """Yield where the wrong cells are, if they are not everywhere."""
    for a, b in zip(got.arrays, right.arrays, strict=False):
        if a.shape != b.shape or a.ndim not in AXES:
            continue
        wrong = np.asarray((a != b) & ~((a != a) & (b != b)), dtype=bool)  # noqa: PLR0124 - NaN
        places = [_some(name, wrong, axis) for axis, name in enumerate(AXES[a.ndim])]
        if wrong.any() and any(places):
            yield f"Only these are wrong: {', '.join(filter(None, places))}."
            return


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


def _cures(implementation: Implementation, case: Case, deadline: float) -> Iterator[str]:
    """Yield what can be left out of the case to make the result right."""
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


def _plain(array: Array) -> Array:
    """Return a copy in C order and native byte order."""
    return np.array(array, dtype=array.dtype.newbyteorder("="), order="C")


def _is_plain(array: Array) -> bool:
    """Return whether an array is what ``_plain`` makes of it."""
    return type(array) is np.ndarray and array.flags.carray and array.dtype.isnative


def _is_right(implementation: Implementation, case: Case) -> bool:
    got, right = run(implementation, case), run(RIGHT, due(implementation, case))
    return got is not None and right is not None and right.error is None and got.alike(right)
