"""Every check on every function of an implementation, one at a time, and what each found as a row of its scorecard."""

import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from hypothesis import configuration, settings

from verification import diagnosis, profiles
from verification.cases import Case
from verification.checks import CHECKS
from verification.hints import near_functions, near_parameters, supported
from verification.loader import LoadError, Source, wrap
from verification.outcome import Check, Failure
from verification.runner import run_check
from verification.scorecard import About, Finding, Function, Row, Scorecard, finite

SMALL = 36  # values that are shown whole


@dataclass(frozen=True)
class Task:
    """One check to be run on one function of one implementation."""

    source: Source
    operation: str
    check: Check
    profile: str | None = None  # how many cases to draw (see profiles.py); None: as many as Hypothesis is set to

    def __str__(self) -> str:
        return f"{self.operation}-{self.check.name}"

    @property
    def provided(self) -> bool:
        """Return whether there is such a function at all."""
        return self.source.implementation.provides(self.operation)

    def run(self) -> Row:
        """Run the check and say what it found."""
        start = time.perf_counter()
        try:
            with _no_trace(), _drawing(self.profile):
                least = min(self.check.least, profiles.scaled(self.check.least))  # where fewer cases are drawn, fewer are due
                outcome = run_check(self.source.implementation, self.operation, replace(self.check, least=least))
        except (Exception, SystemExit):  # no verdict is better than a pass, and this one must be seen
            reason = f"the check itself broke:\n{traceback.format_exc()}"
            return Row(self.operation, self.check.name, "mistrusted", reason, seconds=_since(start))
        log = outcome.log
        return Row(
            function=self.operation,
            check=self.check.name,
            verdict=outcome.verdict,
            reason=outcome.reason,
            checked=log.checked,
            unsupported=dict(log.unsupported),
            worst_error_over_bound=finite(log.worst) if log.worst else None,
            policies=dict(log.policies),
            failure=explained(self.source, outcome.failure) if outcome.failure else None,
            seconds=_since(start),
        )


def tasks(source: Source, profile: str | None = None) -> list[Task]:
    """Return all that there is to check, the cheap and telling checks first, in turn over the functions."""
    if profile not in (None, *profiles.PROFILES):
        raise ValueError(f"profile must be one of {', '.join(map(repr, profiles.PROFILES))}, got {profile!r}")
    return [Task(source, operation, check, profile) for check in CHECKS.values() for operation in check.operations]


def about(source: Source) -> About:
    """Return what the scorecard says of an implementation before anything is run."""
    implementation = source.implementation
    functions = {
        name: Function(*supported(implementation, name), implementation.error_class(name)) for name in implementation.functions
    }
    planned = sum(task.provided for task in tasks(source))
    hints = near_functions(source.target) + near_parameters(implementation)
    return About(implementation.name, source.file, functions, hints, planned)


def verify(
    target: Any, match: str = "", *, strict: bool = False, profile: str | None = None, progress: bool = False
) -> Scorecard:
    """Verify an implementation and return its scorecard.

    ``target`` is a module, a class, any object or a mapping with some of the functions of the contract, one such function, or
    what ``--implementation`` takes. ``match`` runs only those checks whose name, as in ``conv2d-agreement``, contains it.
    ``strict`` holds it to the letter of the contract; ``profile`` is ``"fast"``, ``"default"``, ``"ci"`` or ``"thorough"``.
    ``progress`` shows on standard error what is being checked.

    Raises verification.LoadError if there is nothing to verify.
    """
    source, *others = wrap(target, strict=strict)
    if others:
        names = [each.implementation.name for each in (source, *others)]
        raise LoadError(f"there are several implementations ({', '.join(names)}): verify them one at a time")
    rows = []
    chosen = [task for task in tasks(source, profile) if match in str(task)]
    for number, task in enumerate(chosen, 1):
        if progress:
            sys.stderr.write(f"\r{number}/{len(chosen)} {task!s:60}")
        rows.append(task.run())
    return Scorecard(about(source), rows)


def explained(source: Source, failure: Failure) -> Finding:
    """Put a failure into words and into Python."""
    try:
        sentences = diagnosis.explain(source.implementation, failure)
    except Exception as error:  # what is found is found, even if its cause cannot be
        sentences = [f"the diagnosis itself failed: {type(error).__name__}: {error}"]
    return Finding(
        message=failure.message,
        code=pasted(source, failure.case) if failure.case else "",
        expected=_shown(failure.expected, failure.index),
        got=_shown(failure.got, failure.index),
        index=list(failure.index) if failure.index is not None else None,
        bound=finite(failure.bound),
        diagnosis=sentences,
    )


def pasted(source: Source, case: Case) -> str:
    """Return a case as Python to paste, with the arguments that the function was really given."""
    if not source.implementation.accepts(case.operation, "bias"):
        case = replace(case, arguments={name: value for name, value in case.arguments.items() if name != "bias"})
    return case.code(source.bind(case.operation))


def _shown(value: Any, index: tuple[int, ...] | None) -> str:
    """Return an array as text that fits a screen: all of it, or the plane that holds the first bad index (else the first)."""
    if value is None:
        return ""
    array = np.asarray(value)
    head = ""
    if array.size > SMALL and array.ndim > 2:
        plane = index[:-2] if index is not None and len(index) == array.ndim else (0,) * (array.ndim - 2)
        head, array = f"the plane {list(plane)} of shape {array.shape}:\n", array[plane]
    return head + np.array2string(array, threshold=2 * SMALL, edgeitems=2, max_line_width=100, formatter={"object": str})


@contextmanager
def _no_trace() -> Iterator[None]:
    """Keep Hypothesis from making a folder of its own in a stranger's."""
    before = getattr(configuration, "__hypothesis_home_directory", None)
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        configuration.set_hypothesis_home_dir(folder)
        try:
            yield
        finally:
            configuration.set_hypothesis_home_dir(before)


@contextmanager
def _drawing(profile: str | None) -> Iterator[None]:
    """Draw as a profile says, and afterwards as before: a stranger's tests may use Hypothesis too."""
    before = settings.get_current_profile_name()
    if profile is not None:
        profiles.use(profile)
    try:
        yield
    finally:
        settings.load_profile(before)


def _since(start: float) -> float:
    return round(time.perf_counter() - start, 3)
