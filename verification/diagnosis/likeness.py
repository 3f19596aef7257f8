"""Which planted bug an implementation behaves like: one whose every symptom it shows, call after call."""

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from verification.bugs import BUGS, Bug
from verification.bugs.reference import Reference
from verification.cases import Case
from verification.diagnosis.results import Result, run
from verification.diagnosis.samples import samples
from verification.implementation import Implementation
from verification.operations import OPTIONS

RIGHT = Implementation.of(Reference(), "the contract", strict=True)
WORK = 2_000_000  # products: a failing case with more is not tried on every bug
FAR = 256  # cells: nor is one with an option past this, which may make a large result of a small image


class Seen(NamedTuple):
    """A call as the reference is asked it, what the implementation gives, and what is right."""

    case: Case
    got: Result
    right: Result

    @property
    def wrong(self) -> bool:
        """Return whether the implementation is wrong here."""
        return not self.got.alike(self.right)

    @property
    def raises(self) -> bool:
        """Return whether the implementation raises and should not: it may well not do this at all."""
        return self.got.error is not None and self.right.error is None

    @property
    def plain(self) -> bool:
        """Return whether nothing but the one bug should be wrong here: float64, and finite."""
        x = np.asarray(self.case.arguments["x"])
        return bool(x.dtype == np.float64 and np.isfinite(x).all())


class Likeness(NamedTuple):
    """Planted bugs that cannot be told from each other, and how many wrong results on plain numbers they do not explain."""

    bugs: list[Bug]
    unexplained: int


def likeness(implementation: Implementation, case: Case, deadline: float) -> Likeness:
    """Return the planted bugs whose symptoms, on ``case`` and on the samples of its operation, the implementation shows.

    Where a bug is wrong on plain numbers, the implementation must be wrong in the same way; among such bugs, those that leave
    least to be explained. A call that the implementation does not support, or where it alone raises, tells nothing.
    """
    suspects = [bug for bug in BUGS if case.operation in bug.operations]
    first = _observed(implementation, case) if affordable(case) else None
    if first is not None and first.wrong:
        suspects = [bug for bug in suspects if time.monotonic() < deadline and _shows(bug, first)]
    else:
        first = None
    seen = []
    for call in samples(case.operation) if suspects else ():
        observed = _observed(implementation, call) if time.monotonic() < deadline else None
        seen += [] if observed is None or observed.raises else [observed]
    left = {bug.name: _unexplained(bug, seen, first is not None) for bug in suspects if time.monotonic() < deadline}
    fitting = {name: count for name, count in left.items() if count is not None}
    least = min(fitting.values(), default=(0, 0))
    return Likeness([bug for bug in suspects if fitting.get(bug.name) == least], least[0])


def due(implementation: Implementation, case: Case) -> Case:
    """Return the call that says what is due: windows that do not tile are floored for those who know no ``rounding``."""
    if "rounding" in OPTIONS[case.operation] and not implementation.accepts(case.operation, "rounding"):
        return replace(case, options={**case.options, "rounding": "floor"})
    return case


def affordable(case: Case) -> bool:
    """Return whether a call is quickly made, many times over."""
    sizes = [np.size(v) for name, v in case.arguments.items() if isinstance(v, np.ndarray) and name != "grad_output"]
    kernel = np.prod([abs(v) for v in _integers(case.arguments.get("kernel_size", 1))], dtype=float)
    largest = max((abs(v) for option in case.options.values() for v in _integers(option)), default=0)
    return bool(np.prod(sizes, dtype=float) * kernel <= WORK and largest <= FAR)


def _integers(value: Any) -> Iterator[int]:
    if isinstance(value, tuple | list):
        for each in value:
            yield from _integers(each)
    elif isinstance(value, int | np.integer):
        yield int(value)


def _observed(implementation: Implementation, case: Case) -> Seen | None:
    asked = due(implementation, case)
    got, right = run(implementation, case), run(RIGHT, asked)
    return None if got is None or right is None else Seen(asked, got, right)


def _shows(bug: Bug, seen: Seen) -> bool:
    buggy = run(bug.implementation(), seen.case)
    return buggy is not None and buggy.alike(seen.got)


def _unexplained(bug: Bug, seen: list[Seen], shown: bool) -> tuple[int, int] | None:
    """Return how many wrong results a bug does not explain, on plain numbers and on others.

    ``None`` if it has a symptom that the implementation lacks on plain numbers; or if no symptom is seen (``shown``: or was).
    """
    planted, left = bug.implementation(), [0, 0]
    for each in seen:
        buggy = run(planted, each.case)
        if buggy is None:
            continue
        if buggy.alike(each.got):
            shown = shown or (each.wrong and each.plain)
        elif each.plain and not buggy.alike(each.right):
            return None
        else:
            left[not each.plain] += 1
    return (left[0], left[1]) if shown else None
