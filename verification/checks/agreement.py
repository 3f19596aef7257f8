"""Agreement: with exact arithmetic on every drawn call, and with PyTorch where it does the same; over the whole contract.

    exact      float64 and float32: whole numbers to the bit, others within the bound
    sizes      every number of channels and filters up to 17, every long row and column, one after the other; blocks of both
    integers   every integer type, modulo 2**bits
    float16    sums carried in float32 and rounded once
    complex    sums of products without conjugates; gradients with them
    fractions  objects that add and multiply
    dtype      the result has the dtype of the input, whatever the call (dtypes.py)

What these cannot show: where an error is, beyond one small case of it (geometry.py reads the whole operator).
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from verification import compare
from verification.abilities import CORE, Abilities, abilities
from verification.cases import Case
from verification.checks.dtypes import dtype_law
from verification.checks.sizes import every_size, many_terms
from verification.data import NASTY
from verification.forms import COMPLEX, FLOATS, INTEGERS, plain
from verification.implementation import Implementation, UnsupportedError
from verification.operations import CONVOLUTIONS, OPERATIONS
from verification.oracles import exact, torch
from verification.oracles.numbers import Exact
from verification.outcome import Check, Failure, Log
from verification.runner import call, for_all
from verification.strategies import cases, filled

EXAMPLES = 100


def judge(implementation: Implementation, case: Case, log: Log, exacts: tuple[Exact, ...] | None = None) -> float:
    """Compare one call with exact arithmetic, worked out already or not; return the largest error over its bound."""
    exacts = exact.expected(case) if exacts is None else exacts
    if implementation.strict:  # its index for a window that sees no cell is -1
        exacts = tuple(replace(e, open=None) if e.name == "indices" else e for e in exacts)
    elif case.operation == "max_pool2d_backward" and exact.has_blind_windows(case):
        raise UnsupportedError("the gradient of a window that sees no cell")  # PyTorch, for one, refuses it
    held, error_class = implementation.held(case.operation), implementation.error_class(case.operation)
    if not held and case.operation.startswith("max") and exact.has_ties(case):
        return 0.0  # which of equal maxima wins is for the check of ties to say
    try:
        results = call(implementation, case)
    except Failure as failure:
        if held or case.dtype.kind not in "iu" or not isinstance(failure.raised, OverflowError):
            raise
        raise UnsupportedError("integers beyond the range of their type") from None  # Python's own integers do not wrap around
    try:
        return compare.judge(case, exacts, results, log, error_class)
    except Failure:
        if held or error_class != "gamma" or case.dtype != np.float16:
            raise
    worst = compare.judge(case, exacts, results, log, "half")
    log.policies["float16 sums are carried in"] = "float16"
    return worst


def other_opinion(case: Case, exacts: tuple[Exact, ...]) -> str | None:
    """Return where PyTorch differs from exact arithmetic; ``None`` where it does not, or does not do this case."""
    try:
        compare.judge(case, exacts, torch.evaluate(case), Log())
    except torch.Abstains:
        return None
    except Failure as failure:
        return failure.message
    return None


def drawn(
    implementation: Implementation, operation: str, log: Log, dtypes: tuple[str, ...], regimes: tuple[str, ...], examples: int
) -> None:
    """Judge drawn calls in these dtypes and regimes by exact arithmetic; and ask PyTorch, too."""
    able = abilities(implementation, operation, log, dtypes)
    if not torch.available():
        log.policies["PyTorch"] = "not installed: judged by exact arithmetic alone"

    def agrees(case: Case) -> None:
        exacts = exact.expected(case)
        judge(implementation, case, log, exacts)
        if (said := other_opinion(case, exacts)) is not None:
            log.policies["PyTorch"] = f"differs from exact arithmetic, and from this implementation: {said}"

    try:
        for_all(cases(able, able.dtypes(*dtypes), regimes), agrees, log, examples)
    except Failure as failure:
        if failure.case is not None and (said := other_opinion(failure.case, exact.expected(failure.case))) is not None:
            failure.message += f"; but PyTorch differs from exact arithmetic here too: {said}"
        raise
    for case in long_sums(able, able.dtypes(*dtypes), regimes):
        judged(implementation, case, log)


def judged(implementation: Implementation, case: Case, log: Log) -> None:
    """Judge a call, or note why the function does not do it."""
    try:
        judge(implementation, case, log)
    except UnsupportedError as reason:
        log.unsupported[str(reason)] += 1


def long_sums(able: Abilities, dtypes: tuple[str, ...], regimes: tuple[str, ...]) -> Iterator[Case]:
    """Yield calls with hundreds of terms a sum, on data with all their digits: that is where too few bits show."""
    for dtype in (np.dtype(name) for name in dtypes if name != "object"):
        regime = "full" if "full" in regimes else "onesided"  # positive numbers: their sums grow, and so do roundings
        for seed, geometry in enumerate(many_terms(able, rounded=dtype.kind in "fc"), 2):
            yield filled(able.operation, geometry, dtype, regime, seed, biased=able.takes("bias"))


def exactly(implementation: Implementation, operation: str, log: Log) -> None:
    """Compare drawn calls in float64 and float32 with exact arithmetic."""
    drawn(implementation, operation, log, CORE, ("whole", "real"), EXAMPLES)


def integers(implementation: Implementation, operation: str, log: Log) -> None:
    """Compare drawn calls in every integer type with exact arithmetic modulo 2**bits."""
    drawn(implementation, operation, log, INTEGERS, ("full", "whole"), EXAMPLES // 2)


def float16(implementation: Implementation, operation: str, log: Log) -> None:
    """Compare drawn calls in float16 with exact arithmetic."""
    drawn(implementation, operation, log, FLOATS[2:], ("whole", "real", *NASTY), EXAMPLES // 2)


def complexes(implementation: Implementation, operation: str, log: Log) -> None:
    """Compare drawn calls in complex128 and complex64 with exact arithmetic.

    PyTorch's gradients have conjugates and JAX's have none; SciPy conjugates filters: who does not know the contract may, too.
    """
    able = abilities(implementation, operation, log, COMPLEX)
    if not implementation.held(operation):
        given = {name: v * (1 + 2j) for name, v in plain(operation).arguments.items() if name in ("x", "weight")}
        case = plain(operation, **{name: v.astype(able.dtypes(*COMPLEX)[0]) for name, v in given.items()})
        try:
            judge(implementation, case, Log())
        except Failure:
            raise UnsupportedError("complex numbers as PyTorch has them") from None
    drawn(implementation, operation, log, COMPLEX, ("whole", "real"), EXAMPLES // 2)


def fractions(implementation: Implementation, operation: str, log: Log) -> None:
    """Compare drawn calls on fractions with exact arithmetic."""
    drawn(implementation, operation, log, ("object",), ("whole",), EXAMPLES // 4)


def sizes(implementation: Implementation, operation: str, log: Log) -> None:
    """Compare a call of each number of channels, filters, images, taps, rows and columns with exact arithmetic."""
    able = abilities(implementation, operation, log)
    taken = able.dtypes(*CORE)
    for number, geometry in enumerate(every_size(able)):
        dtype = np.dtype(taken[number % len(taken)])
        judged(implementation, filled(operation, geometry, dtype, "whole", number, biased=able.takes("bias")), log)


RINGS = tuple(op for op in OPERATIONS if not op.startswith("avg_pool2d"))
CHECKS = (
    Check("exact", OPERATIONS, exactly, "float64 and float32 agree with exact arithmetic and with PyTorch", least=20),
    Check("sizes", OPERATIONS, sizes, "so do all numbers of channels, filters and images, and long rows and columns", least=20),
    Check("dtype", OPERATIONS, dtype_law, "the result has the dtype of the input"),
    Check("integers", RINGS, integers, "integers are exact modulo 2**bits", least=10),
    Check("float16", OPERATIONS, float16, "float16 sums are carried in float32 and rounded once", least=10),
    Check("complex", CONVOLUTIONS, complexes, "complex numbers agree with exact arithmetic", least=10),
    Check("fractions", OPERATIONS, fractions, "fractions come out exactly", least=5),
)
