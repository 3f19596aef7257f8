"""Running checks: one call with everything that can go wrong in it put into words, many drawn cases, one check.

A check is written with these. ``call`` makes one call of the implementation and returns its arrays; ``whole`` does so where
they are to be equal to the bit. ``for_all`` draws cases and judges each. ``run_check`` turns what a check did into an Outcome.
"""

import traceback
import warnings
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, TypeVar

import numpy as np
from hypothesis import HealthCheck, Phase, event, given, reject, settings
from hypothesis.errors import Flaky, Unsatisfiable
from hypothesis.strategies import SearchStrategy

from contract import Array
from verification.cases import Case
from verification.implementation import Implementation, NotProvidedError, UnsupportedError
from verification.outcome import Check, Failure, Log, Outcome
from verification.profiles import scaled

T = TypeVar("T")
SMALLEST: ContextVar[bool] = ContextVar("smallest", default=True)  # whether to look for the smallest wrong case


def call(implementation: Implementation, case: Case) -> tuple[Array, ...]:
    """Return the arrays that the implementation gives for ``case``, one for each of ``case.outputs``.

    Raises Failure if it raises, or returns anything but that many NumPy arrays of numbers; UnsupportedError if it says that
    it does not do this case.
    """
    try:
        result = implementation(case)
    except (UnsupportedError, NotProvidedError):
        raise
    except Exception as error:
        raise Failure(f"{case.operation} raised {described(error)}", case, raised=error) from None
    return arrays(case, result)


def whole(implementation: Implementation, case: Case) -> tuple[Array, ...]:
    """Return the arrays for a case whose exact results are whole numbers, small enough for every sum to be exact.

    They are those of ``call``, except that a function which declares a weaker error class has its results rounded to the
    nearest whole numbers: so a check that compares results to the bit can be written once for all.
    """
    results = call(implementation, case)
    if implementation.error_class(case.operation) == "gamma":
        return results
    return tuple(np.rint(array) if array.dtype.kind in "fc" else array for array in results)


def arrays(case: Case, result: Any) -> tuple[Array, ...]:
    """Return what an implementation returned as a tuple of arrays; raise Failure if it is anything else."""
    names = case.outputs
    if len(names) == 1:
        result = (result,)
    elif not isinstance(result, tuple | list):
        raise Failure(f"{case.operation} must return {len(names)} arrays ({', '.join(names)}), got {named(result)}", case)
    if len(result) != len(names):
        raise Failure(f"{case.operation} must return {len(names)} arrays ({', '.join(names)}), got {len(result)}", case)
    for name, array in zip(names, result, strict=True):
        if not isinstance(array, np.ndarray | np.generic):
            raise Failure(f"{name} must be a NumPy array, got {named(array)}", case)
        if array.dtype.kind not in "iufcO":
            raise Failure(f"{name} must be an array of numbers, got dtype {array.dtype}", case, got=array)
    return tuple(np.asarray(array) for array in result)


def for_all(cases: SearchStrategy[T], judge: Callable[[T], None], log: Log, examples: int = 50) -> None:
    """Draw cases and judge each; let the Failure of the smallest wrong one through.

    ``judge`` raises Failure, or UnsupportedError, which is counted (once for each reason and case) and draws another case.
    ``examples`` is for the default profile; the thorough one draws more.
    """
    found: list[Failure] = []
    shrink = (Phase.shrink,) if SMALLEST.get() else ()

    @settings(
        max_examples=scaled(examples),
        database=None,
        deadline=None,
        print_blob=False,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.generate, Phase.target, *shrink),
    )
    @given(cases)
    def search(case: T) -> None:
        try:
            judge(case)
        except UnsupportedError as reason:
            log.unsupported[str(reason)] += 1
            event(f"unsupported: {reason}")
            reject()
        except Failure as failure:
            found.append(failure)
            raise

    try:
        search()
    except Unsatisfiable:
        return  # nothing could be judged: log.checked tells
    except Flaky:
        smallest = found[-1]
        smallest.message += " (not every time: the same call gives different results)"
        raise smallest from None
    except Failure as failure:
        failure.__notes__ = []
        raise


def run_check(implementation: Implementation, operation: str, check: Check, *, smallest: bool = True) -> Outcome:
    """Run one check on one function and return its verdict.

    Without ``smallest`` the first case that is wrong will do, however large: it is found sooner.
    """
    log, token = Log(), SMALLEST.set(smallest)

    def outcome(verdict: Any, failure: Failure | None = None, reason: str = "") -> Outcome:
        return Outcome(operation, check.name, verdict, log, failure, reason)

    try:
        if not implementation.provides(operation):
            return outcome("not provided")
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")  # an implementation may warn of NaN and Inf; only its results are judged
            check.function(implementation, operation, log)
    except Failure as failure:
        return outcome("failed", failure)
    except UnsupportedError as reason:
        log.unsupported[str(reason)] += 1
    finally:
        SMALLEST.reset(token)
    if log.checked == 0:
        verdict = "unsupported" if log.unsupported else "mistrusted"
        return outcome(verdict, reason=", ".join(log.unsupported) or "nothing was judged")
    if log.checked < check.least:
        return outcome("mistrusted", reason=f"only {log.checked} cases were judged, of at least {check.least}")
    if log.telling == 0:
        return outcome("mistrusted", reason="every expected result was constant: right and wrong look the same")
    return outcome("passed")


def described(error: BaseException) -> str:
    """Return an exception in one line: its type, its text, and the line of the implementation that raised it."""
    text = " ".join(str(error).split())
    frames = traceback.extract_tb(error.__traceback__)
    place = f" (at {frames[-1].filename}:{frames[-1].lineno}: {frames[-1].line})" if len(frames) > 2 else ""
    return f"{type(error).__name__}: {text}{place}" if text else f"{type(error).__name__}{place}"


def named(value: Any) -> str:
    """Return what kind of thing a value is."""
    return "None" if value is None else f"a {type(value).__module__}.{type(value).__qualname__}".replace("builtins.", "")
