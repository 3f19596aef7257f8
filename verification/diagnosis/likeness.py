"""Which planted bug an implementation behaves like: one whose every symptom it shows, call after call."""

import time
from dataclasses import replace
from typing import NamedTuple

from verification.bugs import BUGS, Bug
from verification.bugs.reference import Reference
from verification.cases import Case
from verification.diagnosis.results import Result, run
from verification.diagnosis.samples import samples
from verification.implementation import Implementation
from verification.operations import OPTIONS

RIGHT = Implementation.of(Reference(), "the contract", strict=True)
SLOW = 0.02  # seconds: a failing case that takes the reference longer is not tried on every bug


class Seen(NamedTuple):
    """A call as the reference is asked it, what the implementation gives, and what is right."""

    case: Case
    got: Result
    right: Result

    @property
    def wrong(self) -> bool:
        """Return whether the implementation is wrong here."""
        return not self.got.alike(self.right)


class Likeness(NamedTuple):
    """Planted bugs that cannot be told from each other, and on how many calls something else is wrong, too."""

    bugs: list[Bug]
    unexplained: int


def likeness(implementation: Implementation, case: Case, deadline: float) -> Likeness:
    """Return the planted bugs whose symptoms, on ``case`` and on the samples of its operation, the implementation shows.

    Where a bug is wrong, the implementation must be wrong in the same way; among such bugs, those that leave least to be
    explained. A call that the implementation does not support, or where it alone raises, tells nothing.
    """
    begin = time.monotonic()
    first = _observed(implementation, case)
    quick = time.monotonic() - begin < SLOW
    suspects = [bug for bug in BUGS if case.operation in bug.operations]
    if first is not None and first.wrong and quick:
        suspects = [bug for bug in suspects if time.monotonic() < deadline and _explained(bug, [first]) == 1]
    seen = [first] if first is not None and quick else []
    for call in samples(case.operation):
        observed = _observed(implementation, call) if time.monotonic() < deadline else None
        seen += [observed] if observed is not None else []
    explained = {bug.name: _explained(bug, seen) for bug in suspects if time.monotonic() < deadline}
    most = max(explained.values(), default=0)
    found = [bug for bug in suspects if most and explained.get(bug.name) == most]
    wrong = sum(each.wrong and (each.got.error is None or each.right.error is not None) for each in seen)
    return Likeness(found, wrong - most)


def due(implementation: Implementation, case: Case) -> Case:
    """Return the call that says what is due: windows that do not tile are floored for those who know no ``rounding``."""
    if "rounding" in OPTIONS[case.operation] and not implementation.accepts(case.operation, "rounding"):
        return replace(case, options={**case.options, "rounding": "floor"})
    return case


def _observed(implementation: Implementation, case: Case) -> Seen | None:
    asked = due(implementation, case)
    got, right = run(implementation, case), run(RIGHT, asked)
    return None if got is None or right is None else Seen(asked, got, right)


def _explained(bug: Bug, seen: list[Seen]) -> int:
    """Return how many wrong results a bug explains; -1 if it has a symptom that the implementation does not show."""
    planted, explained = bug.implementation(), 0
    for case, got, right in seen:
        buggy = run(planted, case)
        if buggy is None or (got.error is not None and right.error is None and buggy.error is None):
            continue
        if buggy.alike(right):
            continue
        if not buggy.alike(got):
            return -1
        explained += 1
    return explained
