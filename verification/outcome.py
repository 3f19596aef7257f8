"""What a check has to say: a failure with everything a person needs to see it, or a log of what was really done."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from verification.cases import Case
from verification.implementation import Implementation

Verdict = Literal["passed", "failed", "unsupported", "not provided", "mistrusted"]


class Failure(AssertionError):  # noqa: N818 - it is what a check finds, and reads so in a report
    """A check found an implementation wrong, on this case."""

    def __init__(
        self,
        message: str,
        case: Case | None = None,
        *,
        expected: Any = None,
        got: Any = None,
        index: tuple[int, ...] | None = None,
        bound: float | None = None,
        raised: BaseException | None = None,
    ) -> None:
        super().__init__(message)
        self.message, self.case, self.raised = message, case, raised  # what the implementation raised, if that is it
        self.expected, self.got, self.index, self.bound = expected, got, index, bound  # whole arrays; the first bad index


@dataclass
class Log:
    """What a check really did: it is what tells a pass from an empty pass."""

    checked: int = 0  # cases whose result was judged
    unsupported: Counter[str] = field(default_factory=Counter)  # option or reason -> cases
    worst: float = 0.0  # the largest error over its bound
    policies: dict[str, str] = field(default_factory=dict)  # "windows that do not tile" -> "raises" | "floors" | ...
    telling: int = 0  # judged cases whose expected result was neither all zeros nor one value repeated

    def saw(self, expected: Any) -> None:
        """Count one judged case, by the result that was expected of it; compare.py's functions do so."""
        flat = np.asarray(expected).ravel()
        self.checked += 1
        self.telling += bool(np.any(flat != 0)) and bool(flat.size == 1 or np.any(flat != flat[0]))


@dataclass(frozen=True)
class Outcome:
    """The verdict of one check on one function."""

    operation: str
    check: str
    verdict: Verdict
    log: Log
    failure: Failure | None = None
    reason: str = ""  # why it is mistrusted or unsupported, in words


CheckFunction = Callable[[Implementation, str, Log], None]


@dataclass(frozen=True)
class Check:
    """One check by name: which operations it can judge, and the function that judges them.

    The function is called as ``function(implementation, operation, log)``. It raises ``Failure`` on the first (smallest) case
    that is wrong; it counts in ``log`` what it judged; it raises ``UnsupportedError`` where it finds nothing to judge.
    """

    name: str
    operations: tuple[str, ...]
    function: CheckFunction
    summary: str  # one line: what a pass shows
    least: int = 1  # fewer judged cases than this, and a pass is not to be trusted
