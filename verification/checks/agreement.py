"""Agreement: with exact arithmetic on every drawn call, and with PyTorch where it does the same; over the whole contract.

    exact      float64 and float32: whole numbers to the bit, others within the bound
    sizes      every number of channels and filters up to 17, every long row and column, one after the other
    integers   every integer type, modulo 2**bits
    float16    sums carried in float32 and rounded once
    complex    sums of products without conjugates; gradients with them
    fractions  objects that add and multiply
    dtype      the result has the dtype of the input, whatever the call

What these cannot show: where an error is, beyond one small case of it (geometry.py reads the whole operator).
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from verification import compare
from verification.abilities import COMPLEX, CORE, FLOATS, INTEGERS, Abilities, abilities, known_dtypes, plain
from verification.cases import Case
from verification.data import NASTY
from verification.geometry import Geometry
from verification.implementation import Implementation, UnsupportedError
from verification.operations import CONVOLUTIONS, OPERATIONS
from verification.oracles import exact, torch
from verification.outcome import Check, Failure, Log
from verification.runner import call, for_all
from verification.strategies import cases, filled

EXAMPLES = 100


def judge(implementation: Implementation, case: Case, log: Log) -> float:
    """Compare one call with exact arithmetic; return the largest error over its bound."""
    exacts = exact.expected(case)
    if implementation.strict:  # its index for a window that sees no cell is -1
        exacts = tuple(replace(e, open=None) if e.name == "indices" else e for e in exacts)
    elif case.operation == "max_pool2d_backward" and exact.has_blind_windows(case):
        raise UnsupportedError("the gradient of a window that sees no cell")  # PyTorch, for one, refuses it
    return compare.judge(case, exacts, call(implementation, case), log, implementation.error_class(case.operation))


def other_opinion(case: Case) -> str | None:
    """Return where PyTorch differs from exact arithmetic; ``None`` where it does not, or does not do this case."""
    try:
        compare.judge(case, exact.expected(case), torch.evaluate(case), Log())
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
        judge(implementation, case, log)
        if (said := other_opinion(case)) is not None:
            log.policies["PyTorch"] = f"differs from exact arithmetic, and from this implementation: {said}"

    try:
        for_all(cases(able, able.dtypes(*dtypes), regimes), agrees, log, examples)
    except Failure as failure:
        if failure.case is not None and (said := other_opinion(failure.case)) is not None:
            failure.message += f"; but PyTorch differs from exact arithmetic here too: {said}"
        raise


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
    """Compare drawn calls in complex128 and complex64 with exact arithmetic."""
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
        try:
            judge(implementation, filled(operation, geometry, dtype, "whole", number, biased=able.takes("bias")), log)
        except UnsupportedError as reason:
            log.unsupported[str(reason)] += 1


COUNTS = (*range(1, 18), 23, 31, 32, 33, 64, 65)
LENGTHS = (*range(3, 36), 63, 64, 65, 66, 127, 128, 129, 130)


def every_size(able: Abilities) -> Iterator[Geometry]:
    """Yield sizes with one of them large, or odd, at a time."""
    convolution = able.operation in CONVOLUTIONS
    kernel = (3, 3) if convolution and not able.takes("kernel") else (2, 2)
    options: dict[str, Any] = {} if convolution or not able.takes("stride") else {"stride": 1}
    step = 1 if convolution or options else 2  # a pool that knows no stride takes whole windows
    plain_size = Geometry((4, 6), kernel, 2, 2, 2, options)
    for count in COUNTS:
        yield plain_size._replace(channels=count, filters=2 if convolution else count)
        if convolution:
            yield plain_size._replace(filters=count)
        if convolution and able.takes("groups") and 1 < count <= 17:
            yield plain_size._replace(channels=count, filters=2 * count, options={"groups": count})
    for length in LENGTHS:
        yield plain_size._replace(image=(length * step, 4), batch=1)
        yield plain_size._replace(image=(4, length * step), batch=1)
    for batch in (0, 1, 3, 4, 5, 8, 9):
        yield plain_size._replace(batch=batch)
    if convolution and able.takes("kernel"):
        for taps in range(1, 13):
            yield plain_size._replace(image=(taps + 1, 3), kernel=(taps, 1))
            yield plain_size._replace(image=(3, taps + 1), kernel=(1, taps))


def dtype_law(implementation: Implementation, operation: str, log: Log) -> None:
    """See that results have the dtype of x: in each dtype, with and without padding, and of an empty batch."""
    able = abilities(implementation, operation, log, known_dtypes(operation))
    for name in able.dtypes(*known_dtypes(operation)):
        for case in dtype_cases(able, np.dtype(name)):
            try:
                got = call(implementation, case)
            except UnsupportedError as reason:
                log.unsupported[str(reason)] += 1
                continue
            exacts = exact.expected(case)
            for exact_array, array in zip(exacts, got, strict=True):
                if array.dtype != exact_array.dtype:
                    message = f"{exact_array.name} should be {exact_array.dtype}, as x is, got {array.dtype}"
                    message = message.replace(", as x is", "") if exact_array.name == "indices" else message
                    raise Failure(message, case, expected=exact_array.rounded(), got=array)
            compare.judge(case, exacts, got, log, implementation.error_class(operation))


def dtype_cases(able: Abilities, dtype: np.dtype[Any]) -> Iterator[Case]:
    """Yield calls whose results might lose their dtype."""
    case = plain(able.operation)
    given = {name: case.arguments[name].astype(int).astype(dtype) for name in ("x", "weight") if name in case.arguments}
    yield plain(able.operation, **given)
    yield plain(able.operation, **{**given, "x": given["x"][:0]})
    for name, values in {"padding": (1,), "rounding": ("floor", "ceil"), "count_include_pad": (False,)}.items():
        for value in values if able.takes(name) else ():
            if not (value == "ceil" and able.operation in CONVOLUTIONS):
                yield plain(able.operation, {name: value}, **given)
    if able.takes("return_indices"):
        yield plain(able.operation, {"return_indices": True}, **given)


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
