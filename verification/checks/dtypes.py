"""The dtype of results: that of the input, whatever the call."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from contract import Array
from verification import compare
from verification.abilities import Abilities, abilities
from verification.cases import Case
from verification.forms import EMPTY, known_dtypes, plain
from verification.implementation import Implementation, UnsupportedError
from verification.operations import CONVOLUTIONS
from verification.oracles import exact
from verification.oracles.numbers import Exact
from verification.outcome import Failure, Log
from verification.runner import call

VALUES: dict[str, tuple[Any, ...]] = {
    "stride": (2,),
    "padding": (1,),
    "dilation": (2,),
    "rounding": ("floor", "ceil"),
    "count_include_pad": (False,),
    "divisor_override": (2,),
    "return_indices": (True,),
}


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
            same_dtypes(case, exacts, got, log, held=implementation.held(operation))
            compare.judge(case, exacts, got, log, implementation.error_class(operation))


def same_dtypes(case: Case, exacts: tuple[Exact, ...], got: tuple[Array, ...], log: Log, *, held: bool) -> None:
    """Raise Failure unless results have the dtypes that are due; who does not know the contract may give more digits."""
    for exact_array, array in zip(exacts, got, strict=True):
        name, due = exact_array.name, exact_array.dtype
        if array.dtype == due:
            continue
        if held or name == "indices" or (array.size and not np.can_cast(due, array.dtype, "safe")):
            like = "" if name == "indices" else ", as x is"
            raise Failure(f"{name} should be {due}{like}, got {array.dtype}", case, expected=exact_array.rounded(), got=array)
        if array.size:
            log.policies[f"the result of {due} is"] = str(array.dtype)


def dtype_cases(able: Abilities, dtype: np.dtype[Any]) -> Iterator[Case]:
    """Yield calls whose results might lose their dtype: each option by itself, no batch, an empty one, a bias."""
    case, convolution = plain(able.operation), able.operation in CONVOLUTIONS
    given = {name: case.arguments[name].astype(int).astype(dtype) for name in ("x", "weight") if name in case.arguments}
    yield plain(able.operation, **given)
    if able.takes(EMPTY):
        yield plain(able.operation, **{**given, "x": given["x"][:0]})
    if able.takes("unbatched"):
        yield plain(able.operation, **{**given, "x": given["x"][0]})
    for option, values in VALUES.items():
        for value in values if able.takes(option) else ():
            if not (value == "ceil" and convolution) and not (option == "dilation" and not convolution):
                yield plain(able.operation, {option: value}, **given)
    if able.takes("bias"):
        yield plain(able.operation, **given, bias=np.ones(1, int).astype(dtype))
    if able.takes("groups"):
        two = {name: np.concatenate([array] * 2, axis=int(name == "x")) for name, array in given.items()}
        yield plain(able.operation, {"groups": 2}, **two)
