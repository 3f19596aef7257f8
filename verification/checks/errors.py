"""Errors: what the contract refuses is refused, what it allows is not, and absurd sizes are refused at once.

    errors   each rule broken, one at a time
    valid    calls at the edge of the rules give the right answer
    absurd   sizes of 10**12 and of 2**32 + 1 end in an error, within seconds and within memory

Any exception is a refusal: of which type it is, is reported, and judged under the letter of the contract alone. That a function
refuses says little if it refuses everything, so each check begins with a call that must succeed.

What these cannot show: whether a message is clear.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from verification.abilities import Abilities, abilities
from verification.checks.agreement import judge
from verification.checks.bad_calls import Bad, bad_calls, sample
from verification.checks.edge_calls import absurd_calls, valid_calls
from verification.guard import CAN_FORK, Answer, in_children, in_thread
from verification.implementation import Implementation, UnsupportedError
from verification.operations import OPERATIONS
from verification.outcome import Check, Failure, Log

SECONDS = 5.0
UNTILED = "windows that do not tile"


def errors(implementation: Implementation, operation: str, log: Log) -> None:
    """See that each call that breaks a rule is refused."""
    able = begin(implementation, operation, log)
    for bad in bad_calls(able):
        answer, result = in_thread(partial(implementation, bad.case), SECONDS)
        refused(implementation, bad, answer, log, (bad.kind,), result)
    if able.untiled is not None:
        log.policies[UNTILED] = able.untiled
    if able.untiled == "neither":
        message = "windows that do not tile must be refused, or their remainder dropped: it does neither"
        raise Failure(message, able.untiled_case)


def valid(implementation: Implementation, operation: str, log: Log) -> None:
    """See that calls at the edge of the rules give the right answer."""
    able = begin(implementation, operation, log)
    for call in valid_calls(able):
        try:
            judge(implementation, call.case, log)
        except UnsupportedError as reason:
            log.unsupported[str(reason)] += 1
        except Failure as failure:
            failure.message = f"{call.rule}: {failure.message}"
            firm = implementation.strict or (call.firm and implementation.held(operation))
            if firm or failure.raised is None:
                raise
            note(log, "refuses what the contract allows", call.rule)


def absurd(implementation: Implementation, operation: str, log: Log) -> None:
    """See that sizes beyond all memory are refused at once, before anything is allocated."""
    able = begin(implementation, operation, log)
    if not CAN_FORK and not implementation.strict:
        raise UnsupportedError("absurd sizes: on this system a call cannot be kept from filling the memory")
    bad = list(absurd_calls(able))
    calls: list[Callable[[], Any]] = [partial(implementation, each.case) for each in bad]
    answers = in_children(calls, SECONDS) if CAN_FORK else (in_thread(call, SECONDS)[0] for call in calls)
    for each, answer in zip(bad, answers, strict=True):
        refused(implementation, each, answer, log, (ValueError, MemoryError))


def begin(implementation: Implementation, operation: str, log: Log) -> Abilities:
    """Return what a function takes, once it has done an ordinary call right."""
    able = abilities(implementation, operation, log)
    if not able.takes("float64"):
        raise UnsupportedError("float64, of which these calls are made")
    judge(implementation, sample(operation), log)
    return able


def refused(
    implementation: Implementation, bad: Bad, answer: Answer, log: Log, kinds: tuple[type[Exception], ...], result: Any = None
) -> None:
    """Raise Failure unless a call was refused; count it, and note of which kind the error was."""
    names = " or ".join(kind.__name__ for kind in kinds)
    rule = f"{bad.rule}: must raise {names}"
    if answer.kind in ("hung", "died"):
        did = f"did not come back within {SECONDS:.0f} seconds" if answer.kind == "hung" else "took the whole process down"
        raise Failure(f"{rule}, but it {did}", bad.case)
    if answer.kind == "returned":
        array, held = result_array(result), implementation.held(bad.case.operation)
        made_up = bad.empty and array is not None and array.size > 0
        if implementation.strict or (bad.firm and held) or made_up:
            raise Failure(f"{rule}, but it returned {returned(result)}", bad.case, got=array)
        note(log, "accepts what the contract refuses", bad.rule)
    elif answer.is_a(UnsupportedError):
        log.unsupported[answer.text] += 1
        return
    elif not answer.is_a(*kinds):
        if implementation.strict:
            raise Failure(f"{rule}, but it raised {answer.text}", bad.case)
        if not answer.is_a(TypeError, ValueError):
            note(log, "refuses with", answer.lineage[0])
    log.saw([1])


def note(log: Log, policy: str, what: str) -> None:
    """Add something to a policy that is a list."""
    known = log.policies.get(policy, "")
    if what not in known.split("; "):
        log.policies[policy] = f"{known}; {what}" if known else what


def returned(result: Any) -> str:
    """Return what came back, in a few words."""
    arrays = result if isinstance(result, tuple | list) else (result,)
    shapes = [f"shape {v.shape}" if isinstance(v, np.ndarray) else type(v).__name__ for v in arrays]
    return ", ".join(shapes) if result is not None else "a result"


def result_array(result: Any) -> Any:
    """Return the first array that came back, if any did."""
    arrays = result if isinstance(result, tuple | list) else (result,)
    return next((v for v in arrays if isinstance(v, np.ndarray)), None)


CHECKS = (
    Check("errors", OPERATIONS, errors, "what the contract refuses is refused", least=10),
    Check("valid", OPERATIONS, valid, "what the contract allows, at its edges, is not refused", least=3),
    Check("absurd", OPERATIONS, absurd, "absurd sizes are refused at once, before anything is allocated"),
)
