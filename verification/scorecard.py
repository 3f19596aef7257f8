"""The scorecard: what every check found about every function of one implementation, as data.

It is made of plain rows, so that it can be sent between processes, written as JSON and read again; ``render`` draws it.
The JSON is described in docs/verification.md; SCHEMA grows by one whenever a field changes its meaning or goes.
"""

import json
import math
import platform
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Literal

from verification import render
from verification.outcome import Verdict

SCHEMA = 1
VERDICTS: tuple[Verdict, ...] = ("failed", "mistrusted", "passed", "unsupported", "not provided")  # the first one wins


@dataclass(frozen=True)
class Finding:
    """A failure, in words and in Python."""

    message: str
    code: str  # the smallest case, to paste
    expected: str
    got: str
    index: list[int] | None  # the first bad one
    bound: float | None  # what the error there may be at most; 0 where results must be equal
    diagnosis: list[str]


@dataclass(frozen=True)
class Row:
    """What one check found about one function."""

    function: str
    check: str
    verdict: Verdict
    reason: str = ""  # of a verdict that is neither passed nor failed
    checked: int = 0  # cases whose result was judged
    unsupported: dict[str, int] = field(default_factory=dict)  # option or reason -> cases
    worst_error_over_bound: float | None = None
    policies: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    failure: Finding | None = None

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "Row":
        """Return the row that ``dataclasses.asdict`` made ``data`` of."""
        failure = data["failure"]
        return cls(**{**data, "failure": failure and Finding(**failure)})


@dataclass(frozen=True)
class Function:
    """What one function says of itself."""

    supports: list[str]  # options (and bias) that its signature takes
    lacks: list[str]
    error_class: str


@dataclass(frozen=True)
class About:
    """What is known of an implementation before anything is run."""

    name: str
    file: str
    functions: dict[str, Function]  # those that it provides
    hints: list[str]  # names that nearly are names of the contract
    planned: int  # checks that the functions provided are to be put to

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "About":
        """Return what ``dataclasses.asdict`` made ``data`` of."""
        return cls(**{**data, "functions": {name: Function(**function) for name, function in data["functions"].items()}})


@dataclass(frozen=True, repr=False)
class Scorecard:
    """Everything that was found about one implementation."""

    about: About
    rows: list[Row]

    @property
    def complete(self) -> bool:
        """Return whether every check was run: not so after an interrupt, or where a selection was asked for."""
        return sum(row.function in self.about.functions for row in self.rows) >= self.about.planned

    @property
    def verdict(self) -> Verdict:
        """Return ``passed`` if something was checked and nothing is wrong, else ``failed`` or ``mistrusted``."""
        worst = first(row.verdict for row in self.rows)
        return worst if worst in ("failed", "passed") else "mistrusted"

    @property
    def passed(self) -> bool:
        """Return whether something was checked, and nothing is wrong."""
        return self.verdict == "passed"

    @property
    def counts(self) -> dict[str, int]:
        """Return how many checks came to which verdict."""
        found = Counter(row.verdict for row in self.rows)
        return {verdict: found[verdict] for verdict in VERDICTS}

    @property
    def score(self) -> float:
        """Return the share of the checks that passed among those that could judge or should have."""
        return score(self.rows)

    @property
    def failures(self) -> list[Row]:
        """Return the rows with a verdict against the implementation."""
        return [row for row in self.rows if row.verdict in ("failed", "mistrusted")]

    def of(self, function: str) -> list[Row]:
        """Return the rows of one function."""
        return [row for row in self.rows if row.function == function]

    def worst(self, function: str) -> float | None:
        """Return the largest error over its bound that any check of a function saw."""
        ratios = [row.worst_error_over_bound for row in self.of(function) if row.worst_error_over_bound is not None]
        return max(ratios, default=None)

    def policies(self, function: str) -> dict[str, str]:
        """Return what a function does where the contract leaves a choice; all its answers, if they differ."""
        found: dict[str, dict[str, None]] = {}
        for row in self.of(function):
            for question, answer in row.policies.items():
                found.setdefault(question, {})[answer] = None
        return {question: ", ".join(answers) for question, answers in found.items()}

    def to_dict(self) -> dict[str, Any]:
        """Return the scorecard as the JSON report has it."""
        operations = dict.fromkeys([*self.about.functions, *(row.function for row in self.rows)])
        return {
            "name": self.about.name,
            "file": self.about.file,
            "verdict": self.verdict,
            "complete": self.complete,
            "score": self.score,
            "counts": self.counts,
            "hints": self.about.hints,
            "functions": {operation: self._function(operation) for operation in operations},
        }

    def to_json(self) -> str:
        """Return the report on this implementation alone."""
        return to_json([self])

    def __str__(self) -> str:
        """Return the table, and every failure in full."""
        return render.text(self)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return render.html(self)

    def _function(self, operation: str) -> dict[str, Any]:
        rows = self.of(operation)
        signature = self.about.functions.get(operation)
        return {
            "provided": signature is not None,
            "supports": signature.supports if signature else [],
            "lacks": signature.lacks if signature else [],
            "error_class": signature.error_class if signature else None,
            "verdict": first(row.verdict for row in rows),
            "score": score(rows),
            "worst_error_over_bound": self.worst(operation),
            "policies": self.policies(operation),
            "checks": {row.check: _cell(row) for row in rows},
        }


def first(verdicts: Iterable[Verdict]) -> Verdict:
    """Return the verdict that counts most; of nothing, that it is not provided."""
    return min(verdicts, key=VERDICTS.index, default="not provided")


def score(rows: Iterable[Row]) -> float:
    """Return passed / (passed + failed + mistrusted), 0 where there is nothing to divide."""
    verdicts = [row.verdict for row in rows if row.verdict in ("passed", "failed", "mistrusted")]
    return verdicts.count("passed") / max(len(verdicts), 1)


def to_json(scorecards: Sequence[Scorecard], error: str | None = None) -> str:
    """Return the JSON report on all that was verified, or on why nothing could be."""
    verdict: Verdict | Literal["error"] = first(s.verdict for s in scorecards) if scorecards and error is None else "error"
    report = {
        "schema": SCHEMA,
        "verdict": verdict,
        "error": error,
        "environment": environment(),
        "implementations": [scorecard.to_dict() for scorecard in scorecards],
    }
    return json.dumps(report, indent=2, allow_nan=False) + "\n"


def environment() -> dict[str, str | None]:
    """Return the versions that the verdicts rest on; ``None`` for what is not installed."""
    return {
        "samesum": installed("samesum"),
        "python": platform.python_version(),
        "numpy": installed("numpy"),
        "torch": installed("torch"),
        "platform": f"{sys.platform} {platform.machine()}",
    }


def installed(package: str) -> str | None:
    """Return the version of a package, without importing it."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def finite(value: float | None) -> float | None:
    """Return ``value`` if JSON can hold it."""
    return value if value is not None and math.isfinite(value) else None


def _cell(row: Row) -> dict[str, Any]:
    return {name: value for name, value in asdict(row).items() if name not in ("function", "check")}
