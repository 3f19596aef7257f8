"""What a failure looks like, in words: found by comparison with planted bugs, and by probing what is read.

Everything is found by calling the implementation again, on the failing case and on cases near it, and comparing what it gives
with what the reference gives, right or bent. Nothing here decides whether an implementation is wrong.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from verification.cases import Case
from verification.diagnosis import values
from verification.diagnosis.cures import cures
from verification.diagnosis.keeping import keeping, unset, unsteady, writes
from verification.diagnosis.likeness import RIGHT, Likeness, affordable, due, likeness
from verification.diagnosis.options import taken_as
from verification.diagnosis.precision import overflow, precision, whole
from verification.diagnosis.reading import LEFT_OUT, Small, near, own, read_off
from verification.diagnosis.results import Result, run
from verification.implementation import Implementation
from verification.outcome import Failure

SECONDS = 2.0
NOTHING = "No planted bug behaves like this, and no option taken for another value explains it."
FINE = (
    "A small call with these options, probed with one-hot arrays, reads the cells that it should: "
    "it is the numbers, the sizes, the dtype or the bias that make the difference."
)
LARGE = "The case is too large to be looked into any closer."
ALONE = "Called again, alone, it gives the right result: what is wrong depends on earlier calls, on threads, or on the arrays."


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
        yield from _of_large(implementation, case, deadline)
        return
    got, right, small = run(implementation, case), run(RIGHT, due(implementation, case)), near(implementation, case)
    if got is None or right is None:
        return
    yield from _outside(case, got, right)
    if company := "".join(_company(implementation, case, right, small, deadline)):
        yield company  # what other calls seem to show may come of the calls before them
        return
    alike = likeness(implementation, case, deadline)
    yield from _named(alike)
    if got.alike(right):
        yield from [] if alike.bugs else [ALONE]
    elif right.error is None:
        yield from _inside(implementation, case, (got, right), small, bool(alike.bugs), deadline)


def _of_large(implementation: Implementation, case: Case, deadline: float) -> Iterator[str]:
    """Yield what can be found by smaller calls."""
    alike, small = likeness(implementation, case, deadline), near(implementation, case)
    yield from _named(alike)
    yield from filter(None, [_read(implementation, case, [small], bool(alike.bugs), deadline)])
    yield from [] if alike.bugs else [LARGE]


def _company(implementation: Implementation, case: Case, right: Result, small: Small | None, deadline: float) -> Iterator[str]:
    """Yield what is wrong with calls, in what they do to others or have from them: the first that is found will do."""
    looks: tuple[Callable[[], str], ...] = (
        lambda: writes(implementation, case),
        lambda: unset(implementation, case, right),
        lambda: keeping(implementation, small, case.dtype, deadline) if small is not None else "",
        lambda: unsteady(implementation, case),
    )
    for look in looks:
        if time.monotonic() < deadline and (found := look()):
            yield found
            return


def _inside(
    implementation: Implementation,
    case: Case,
    results: tuple[Result, Result],
    small: Small | None,
    explained: bool,
    deadline: float,
) -> Iterator[str]:
    """Yield what the values show: ``results`` are what it gives and what is right."""
    (got, right), mine = results, own(implementation, case)
    roomy = mine is not None and min(mine.result[1:]) > 1  # with a single window, much looks alike
    read = _read(implementation, case, [mine, small] if roomy else [small, mine], explained, deadline)
    named, found = "taken as" in read or "flipped" in read, [read]  # named: an option is
    if got.error is None and right.arrays:
        shown = read != FINE or values.different(got.arrays[0], right.arrays[0]).any()  # one-hot arrays show the first result
        found = [values.outputs(case, got, right), *([read] if shown else [])]
        asked = small is not None and not explained and not named and time.monotonic() < deadline
        rule = values.relation(implementation, small, case.dtype) if small is not None and asked else ""
        if not rule and read in ("", FINE):
            rule = precision(implementation, RIGHT, case, got) or ("" if explained else overflow(case, got, right))
        found.append(rule)
        explained = explained or bool(rule)
    yield from filter(None, found)
    if got.error is None and not named and whole(case):
        yield from values.where(got, right)
    if not explained and not named and time.monotonic() < deadline:
        yield from cures(implementation, case, deadline)


def _named(alike: Likeness) -> Iterator[str]:
    """Yield which planted bugs the implementation behaves like."""
    if alike.bugs:
        how = "like this planted bug, which is not all that is wrong" if alike.unexplained else "exactly like this planted bug"
        yield f"It behaves {how}: {'; or: '.join(bug.sentence for bug in alike.bugs[:3])}."


def _outside(case: Case, got: Result, right: Result) -> Iterator[str]:
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
    elif case.dtype == object and (kinds := {type(v).__name__ for v in got.arrays[0].flat} - {"Fraction", "int"}):
        yield f"It is given fractions and returns numbers of type {' and '.join(sorted(kinds))}: they are rounded on the way."


def _read(implementation: Implementation, case: Case, sizes: list[Small | None], explained: bool, deadline: float) -> str:
    """Return what the one-hot probe reads off in the first sizes that show it, and what options must be taken for, in words."""
    fine = False
    for small in sizes:
        cell = read_off(implementation, small, deadline) if small is not None and time.monotonic() < deadline else None
        fine = fine or cell == ""
        if small is None or cell == "" or (cell is None and fine):
            continue
        options = [] if cell is not None and LEFT_OUT in cell else taken_as(implementation, small, deadline)
        if explained and len(options) > 1:
            options = []  # several would do, and what it is has been said
        if sentence := ": ".join(filter(None, [cell, " or ".join(options[:3])])):
            other = cell is not None and small.image != np.shape(case.arguments["x"])[-3:]
            return f"With these options and x of shape {(1, *small.image)}, {sentence}." if other else f"{sentence}."
    return FINE if fine and not explained else ""
