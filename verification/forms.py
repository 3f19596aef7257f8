"""Forms of a call: dtypes, an image without a batch, pairs, names of paddings; for each, the plainest call that has it."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from verification.cases import Case
from verification.operations import ARGUMENTS, CONVOLUTIONS
from verification.oracles import exact

FLOATS = ("float64", "float32", "float16")
COMPLEX = ("complex128", "complex64")
INTEGERS = ("int64", "int32", "int16", "int8", "uint64", "uint32", "uint16", "uint8")
EMPTY = "an empty batch"


def known_dtypes(operation: str) -> tuple[str, ...]:
    """Return the names of the dtypes that the contract has an operation take."""
    if operation in CONVOLUTIONS:
        return (*FLOATS, *COMPLEX, *INTEGERS, "object")
    return (*FLOATS, *INTEGERS, "object") if operation.startswith("max") else (*FLOATS, "object")


def plain(operation: str, options: dict[str, Any] | None = None, **arguments: Any) -> Case:
    """Return the plainest call, but for these options and arguments: one image, one channel, windows that tile."""
    if operation in CONVOLUTIONS:
        x, w = np.arange(1.0, 36.0).reshape(1, 1, 5, 7), np.arange(1.0, 10.0).reshape(1, 1, 3, 3)
        arguments = {"x": x, "weight": w, **arguments}
    else:
        arguments = {"x": np.arange(1.0, 25.0).reshape(1, 1, 4, 6), "kernel_size": 2, **arguments}
    return completed(Case(operation, arguments, options or {}))


def cast(case: Case, dtype: np.dtype[Any]) -> Case:
    """Return a case with its float64 arrays in a dtype."""
    given = case.arguments.items()
    return replace(
        case,
        arguments={name: v.astype(dtype) if isinstance(v, np.ndarray) and v.dtype == np.float64 else v for name, v in given},
    )


def completed(case: Case) -> Case:
    """Return a case with ``bias=None``, or an output's gradient of counting numbers, where its operation takes one."""
    given = dict(case.arguments)
    if case.operation.endswith("_backward") and "grad_output" not in given:
        shape = exact.output_shape(case)
        counting = np.arange(1, 1 + int(np.prod(shape))).reshape(shape)
        given = {"grad_output": counting.astype(given["x"].dtype), **given}
    elif "bias" in ARGUMENTS[case.operation]:
        given.setdefault("bias", None)
    return replace(case, arguments=given)


# Pairs that fit and tile the plainest call both ways round: who swaps height and width must not be excused for raising.
PAIRS = {"stride": (1, 2), "padding": (1, 0), "dilation": (1, 2), "output_padding": (1, 0), "kernel_size": (2, 3)}
POOL_PAIRS = {**PAIRS, "dilation": (1, 3)}
VALUES = {  # of each option, one that differs from the default and leaves the plainest call's windows tiling
    "stride": 1,
    "padding": 1,
    "dilation": 3,
    "rounding": "floor",
    "return_indices": True,
    "count_include_pad": False,
    "divisor_override": 3,
}


def plain_calls(operation: str, options: frozenset[str]) -> Iterator[tuple[str, Case]]:
    """Yield every form by name, with the plainest call that uses it."""
    arrays = {name: v for name, v in plain(operation).arguments.items() if name in ("x", "weight")}
    for dtype in known_dtypes(operation):
        yield dtype, plain(operation, **{name: v.astype(int).astype(dtype) for name, v in arrays.items()})
    yield "unbatched", plain(operation, x=arrays["x"][0])
    yield EMPTY, plain(operation, x=arrays["x"][:0])
    if operation in CONVOLUTIONS:
        yield from _conv_forms(operation, options)
    else:
        square = np.arange(1.0, 37.0).reshape(1, 1, 6, 6)  # windows tile it, be the pair swapped or not
        yield "kernel_size pair", plain(operation, x=square, kernel_size=PAIRS["kernel_size"])
        for name in sorted(options & set(VALUES)):
            yield name, plain(operation, {name: VALUES[name]})
    pairs = PAIRS if operation in CONVOLUTIONS else POOL_PAIRS
    for name in sorted(options & set(pairs) - {"output_padding"}):
        yield f"{name} pair", plain(operation, {name: pairs[name]})


def _conv_forms(operation: str, options: frozenset[str]) -> Iterator[tuple[str, Case]]:
    """Yield the forms of a convolution's options."""
    w = np.arange(1.0, 19.0)
    yield "kernel", plain(operation, weight=w[:6].reshape(1, 1, 2, 3))
    if "bias" in options and not operation.endswith("_backward"):
        yield "bias", plain(operation, bias=np.ones(1))
    if "groups" in options:
        yield "groups", plain(operation, {"groups": 2}, x=np.arange(70.0).reshape(1, 2, 5, 7), weight=w.reshape(2, 1, 3, 3))
    values = {"stride": 2, "padding": 1, "dilation": 2, "rounding": "floor"}
    for name in sorted(options & set(values)):
        yield name, plain(operation, {name: values[name]})
    if "output_padding" in options and "stride" in options:
        yield "output_padding", plain(operation, {"output_padding": 1, "stride": 2})
        yield "output_padding pair", plain(operation, {"output_padding": PAIRS["output_padding"], "stride": 2})
    if "padding" in options and not operation.startswith("conv_transpose2d"):
        for form, padding in (("sides", ((1, 0), (0, 2))), ("valid", "valid"), ("same", "same")):
            yield f"padding {form}", plain(operation, {"padding": padding})
