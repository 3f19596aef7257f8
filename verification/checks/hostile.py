"""Hostile conditions: what the arrays look like, what happened before, and who else is calling must not matter.

    layouts   read-only, transposed, sliced, with negative and zero strides, byte-swapped, not aligned, subclasses, lists
    inputs    are left as they were, and share no memory with a result; a result stays as it is when later calls are made
    state     calls A, B, A: nothing is kept from one call that changes another; fresh memory full of NaN does not show
    threads   many at once, on shared inputs, give what one alone gives

What these cannot show: a race that is lost once in a million calls.
"""

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from threading import Barrier
from typing import Any

import numpy as np
from hypothesis import strategies as st

from contract import Array
from verification import compare
from verification.abilities import CORE, abilities, summary
from verification.cases import Case
from verification.compare import is_nan
from verification.forms import plain
from verification.implementation import Implementation, UnsupportedError
from verification.layouts import LAYOUTS, laid_out, repeated
from verification.operations import CONVOLUTIONS, OPERATIONS
from verification.oracles import exact
from verification.outcome import Check, Failure, Log
from verification.runner import call, for_all, whole
from verification.strategies import cases

EXAMPLES = 12
THREADS, CALLS = 8, 9  # calls of each thread


def layouts(implementation: Implementation, operation: str, log: Log) -> None:
    """Call with the same numbers in every layout, and compare with exact arithmetic.

    An implementation that raises on a layout, and not on the same numbers in a plain array, does not support it; it is wrong
    if it is strict. A wrong result is wrong for all.
    """
    able = abilities(implementation, operation, log)
    refused: set[str] = set()

    def judge(case: Case) -> None:
        right(implementation, case, case, log)
        given = ((layout.name, laid_out(case, layout), case) for layout in LAYOUTS)
        zeros = repeated(case)
        for name, hostile, same in (*given, ("with strides of zero", zeros, copied(zeros))):
            if hostile is None or name in refused:
                continue
            try:
                right(implementation, hostile, same, log)
            except Failure as failure:
                if failure.raised is None or implementation.strict:
                    failure.message += f" (its arrays are {name}; in plain arrays the same numbers come out right)"
                    raise
                refused.add(name)
                log.unsupported[f"arrays {name}: {summary(as_exception(failure.raised))}"] += 1

    for_all(cases(able, core(able), ("whole",)), judge, log, EXAMPLES)


def inputs(implementation: Implementation, operation: str, log: Log) -> None:
    """See that a call leaves its inputs alone and returns memory of its own, which later calls leave alone."""
    able = abilities(implementation, operation, log)

    def judge(case: Case) -> None:
        before = copied(case)
        results = call(implementation, case)
        for name, array in arrays(case):
            if not same(array, before.arguments[name]):
                raise Failure(f"{name} was changed by the call", before, expected=before.arguments[name], got=array)
        kept = [result.copy() for result in results]
        later = call(implementation, sibling(before))
        for output, result, old in zip(case.outputs, results, kept, strict=True):
            for name, array in (*arrays(case), *zip(case.outputs, later, strict=True)):
                if np.shares_memory(result, array):
                    whose = "of a later call" if any(array is other for other in later) else "given to the call"
                    raise Failure(f"{output} shares memory with the {name} {whose}", before, expected=old, got=result)
            if not same(result, old):
                raise Failure(f"{output} was changed by a later call", before, expected=old, got=result)
            log.saw(old)
        for output, old, new in zip(case.outputs, kept, call(implementation, copied(before)), strict=True):
            if implementation.error_class(operation) == "gamma" and not same(old, new):
                raise Failure(f"{output} is another when the same call is made again", before, expected=old, got=new)
        for name, array in arrays(case):  # NaN may be looked for, and Inf; and be put right in the caller's own array
            if array.size:
                special = copied(case)
                special.arguments[name].flat[:: max(array.size - 1, 1)] = np.nan, *[np.inf] * (array.size > 1)
                twin = copied(special)
                call(implementation, special)
                for each, found in arrays(special):
                    if not same(found, twin.arguments[each]):
                        raise Failure(f"{each} was changed by the call", twin, expected=twin.arguments[each], got=found)

    for case in tempting(able) if able.takes("float64") else ():
        try:
            judge(case)
        except UnsupportedError as reason:
            log.unsupported[str(reason)] += 1
    for_all(cases(able, core(able), ("whole",)), judge, log, EXAMPLES)


def state(implementation: Implementation, operation: str, log: Log) -> None:
    """Make calls in turn, of the same sizes and of others, in other dtypes, and with memory full of NaN; all must be right."""
    able = abilities(implementation, operation, log)

    def judge(drawn: tuple[Case, Case]) -> None:
        case, other = drawn
        right(implementation, case, case, log)
        for turn, again in (
            ("a call of the same sizes", sibling(case)),
            ("calls with other numbers", case),
            ("a call of other sizes", other),
            ("a call of other sizes", case),
        ):
            poison(exact.expected(again))
            try:
                right(implementation, again, again, log)
            except Failure as failure:
                failure.message += f" (after {turn})"
                raise
        changed, numbers = copied(case), sibling(case)
        call(implementation, changed)
        for name, array in arrays(changed):
            array[...] = numbers.arguments[name]
        try:
            right(implementation, changed, numbers, log)
        except Failure as failure:
            failure.message += " (the arrays of an earlier call, their numbers changed since)"
            raise

    drawn = cases(able, core(able), ("whole",))
    for_all(st.tuples(drawn, drawn), judge, log, EXAMPLES)


def threads(implementation: Implementation, operation: str, log: Log) -> None:
    """Make many calls at once, of three kinds, on shared inputs; each must give what it gives alone."""
    able = abilities(implementation, operation, log)

    def judge(drawn: tuple[Case, Case]) -> None:
        kinds = (drawn[0], sibling(drawn[0]), drawn[1])
        alone = [whole(implementation, case) for case in kinds]
        start = Barrier(THREADS)

        def many(thread: int) -> list[tuple[int, tuple[Array, ...]]]:
            start.wait()
            turns = [(thread + turn) % len(kinds) for turn in range(CALLS)]
            return [(turn, whole(implementation, kinds[turn])) for turn in turns]

        with often_switched(), ThreadPoolExecutor(THREADS) as pool:
            together = [result for results in pool.map(many, range(THREADS)) for result in results]
        for turn, results in together:
            for name, due, got in zip(kinds[turn].outputs, alone[turn], results, strict=True):
                if not same(due, got):
                    raise Failure(f"{name} differs when {THREADS} threads call at once", kinds[turn], expected=due, got=got)
                log.saw(due)

    drawn = cases(able, core(able), ("whole",))
    for_all(st.tuples(drawn, drawn), judge, log, EXAMPLES // 2)


def core(able: Any) -> tuple[str, ...]:
    """Return the floating-point dtypes that a function takes; raise UnsupportedError if it takes none."""
    taken: tuple[str, ...] = able.dtypes(*CORE)
    if not taken:
        raise UnsupportedError(" and ".join(CORE))
    return taken


def right(implementation: Implementation, case: Case, same: Case, log: Log) -> None:
    """Call with ``case`` and compare with what exact arithmetic gives for ``same``, which has the same numbers."""
    if case.operation == "max_pool2d_backward" and exact.has_blind_windows(same):
        raise UnsupportedError("the gradient of a window that sees no cell")
    if not implementation.held(case.operation) and case.operation.startswith("max") and exact.has_ties(same):
        return  # which of equal maxima wins is for the check of ties to say
    results = call(implementation, case)
    for name, array in zip(case.outputs, results, strict=True):
        if not array.dtype.isnative and implementation.held(case.operation):
            raise Failure(f"{name} should be in the machine's own byte order, got dtype {array.dtype.str}", case, got=array)
    compare.judge(case, exact.expected(same), results, log, implementation.error_class(case.operation))


def sibling(case: Case) -> Case:
    """Return a case of the same sizes and options with other numbers."""
    changed = {name: np.flip(array).copy() * 2 for name, array in arrays(case)}
    return replace(case, arguments={**case.arguments, **changed}, sources={})


def copied(case: Case) -> Case:
    """Return the case with its arrays copied."""
    return replace(case, arguments={**case.arguments, **{name: np.array(array) for name, array in arrays(case)}}, sources={})


def arrays(case: Case) -> list[tuple[str, Array]]:
    """Return the arrays among a case's arguments, by name."""
    return [(name, value) for name, value in case.arguments.items() if isinstance(value, np.ndarray)]


def tempting(able: Any) -> Iterator[Case]:
    """Yield calls whose result, or one of its arrays, might as well be their input."""
    if able.operation not in CONVOLUTIONS and able.takes("stride"):
        yield plain(able.operation, {"stride": 1}, kernel_size=1)
        yield plain(able.operation, {"stride": 2}, x=np.arange(1.0, 36.0).reshape(1, 1, 5, 7), kernel_size=1)
    elif able.operation not in CONVOLUTIONS:
        yield plain(able.operation, kernel_size=1)
    elif able.takes("kernel"):
        x = np.arange(1.0, 71.0).reshape(1, 2, 5, 7)
        yield plain(able.operation, weight=np.ones((1, 1, 1, 1)))
        yield plain(able.operation, x=x, weight=np.eye(2).reshape(2, 2, 1, 1))
        if able.takes("groups"):
            yield plain(able.operation, {"groups": 2}, x=x, weight=np.ones((2, 1, 1, 1)))
    if able.operation in CONVOLUTIONS:  # a single window: the gradient of its bias is that of its output
        yield plain(able.operation, x=np.arange(1.0, 10.0).reshape(1, 1, 3, 3))


def same(left: Array, right: Array) -> bool:
    """Return whether two arrays hold the same values, NaN equal to NaN."""
    return left.shape == right.shape and bool(np.all((left == right) | (is_nan(left) & is_nan(right))))


def poison(results: tuple[Any, ...]) -> None:
    """Leave memory of the results' sizes behind that is full of NaN, for the next call to be given."""
    for result in results:
        size = int(np.prod(result.shape))
        held = [np.full(size, np.nan, dtype) for dtype in CORE for _ in range(4)]
        del held


@contextmanager
def often_switched() -> Iterator[None]:
    """Have Python switch threads as often as it can."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        yield
    finally:
        sys.setswitchinterval(usual)


def as_exception(error: BaseException) -> Exception:
    """Return what an implementation raised as an Exception."""
    return error if isinstance(error, Exception) else RuntimeError(str(error))


CHECKS = (
    Check("layouts", OPERATIONS, layouts, "the same numbers in another layout give the same result", least=5),
    Check("inputs", OPERATIONS, inputs, "inputs stay as they are, and results have memory of their own", least=10),
    Check("state", OPERATIONS, state, "no call changes what another one gives", least=5),
    Check("threads", OPERATIONS, threads, "many threads at once get what one alone gets", least=5),
)
