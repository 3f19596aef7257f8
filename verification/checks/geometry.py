"""Geometry: the whole operator of every small configuration, from one-hot probes; and where NaN, Inf and ties go.

taps.py says which cells are read; probes.py and pool_probes.py make the calls that show it. Here the calls are judged, and a
difference is cut down to one image and one filter.

What it cannot show: anything that depends on sizes beyond these, on the values, or on the layout of the arrays.
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np

from contract import Array
from verification.cases import Case
from verification.checks import pool_probes, probes, taps
from verification.checks.calls import Function
from verification.checks.probes import Index, Probe
from verification.compare import first, same_shape
from verification.implementation import Implementation, UnsupportedError
from verification.operations import CONVOLUTIONS, OPERATIONS
from verification.outcome import Check, Failure, Log

MAKE: dict[str, Any] = {
    "conv2d": probes.convolution,
    "conv2d_backward": probes.conv2d_backward,
    "conv_transpose2d": probes.convolution,
    "conv_transpose2d_backward": probes.conv_transpose2d_backward,
    "max_pool2d": pool_probes.max_pool2d,
    "max_pool2d_backward": pool_probes.max_pool2d_backward,
    "avg_pool2d": pool_probes.avg_pool2d,
    "avg_pool2d_backward": pool_probes.avg_pool2d_backward,
}
CHANNELS = ((1, 2), (1, 3), (2, 1), (2, 2), (3, 1))  # groups, and the channels of each
VARIANTS: tuple[dict[str, Any], ...] = ({}, {"return_indices": True}, {"count_include_pad": False}, {"divisor_override": 3})


def geometry(implementation: Implementation, operation: str, log: Log) -> None:
    """Compare the whole operator of every small configuration with taps that are bounds-checked one by one."""
    function = Function(implementation, operation, log)
    for probe in every_probe(function):
        try:
            got = function(probe.case)
        except UnsupportedError:
            continue  # the form is in the log already
        for name, array in zip(probe.case.outputs, got, strict=True):
            if name in probe.due:
                compare(function, probe, name, array)


def every_probe(function: Function) -> Iterator[Probe]:
    """Yield the probes of every small configuration, the smallest planes first."""
    operation, dtype = function.operation, function.dtype
    make, transposed = MAKE[operation], operation.startswith("conv_transpose2d")
    if operation in CONVOLUTIONS:
        planes = taps.transposed_planes if transposed else taps.conv_planes
        for plane in planes(operation.endswith("_backward")):
            yield from make(operation, plane, 1, 1, dtype)
        for (groups, depth), plane in product(CHANNELS, taps.channel_planes(transposed)):
            yield from make(operation, plane, groups, depth, dtype)
    else:
        variants = [variant for variant in VARIANTS if set(variant) <= function.able.options]
        for plane, variant in product(taps.pool_planes(operation.startswith("max_pool2d")), variants):
            if operation != "max_pool2d_backward" or function.implementation.strict or not pool_probes.blind(plane).any():
                yield from make(operation, plane, dtype, variant)


def compare(function: Function, probe: Probe, name: str, got: Array) -> None:
    """Raise Failure, in words and for one image and filter if these show it, unless a result is as it is due."""
    case, due = probe.case, probe.due[name]
    same_shape(case, due.shape, got, name, due)
    wrong = differs(due, got, probe)
    if not wrong.any():
        function.log.saw(due)
        return
    index = first(wrong)
    try:
        message = probe.words(name, index, got)
    except (ArithmeticError, ValueError):  # NaN or Inf, where there should be a number of times that a cell is read
        message = f"{name}{list(index)} should be {due[index]}, got {got[index]}"
    small, key = one_image(case, name, index, due.ndim)
    try:
        alone = function(small)[case.outputs.index(name)]
        if alone.shape == due[key].shape and (differs(due[key], alone, probe) == wrong[key]).all():
            case, due, got, index = small, due[key], alone, first(wrong[key])
    except (Failure, UnsupportedError):
        pass  # in a smaller batch it is another matter: the whole one is shown
    raise Failure(message, case, expected=due, got=got, index=index)


def differs(due: Array, got: Array, probe: Probe) -> Array:
    """Return which cells are wrong. Means are rounded: a sum of one peak is exact, its division is not."""
    unit = np.finfo(probe.case.dtype).eps / 2
    bound = (probe.terms + 1) * unit / (1 - (probe.terms + 1) * unit) * abs(due) if probe.terms else 0
    with np.errstate(invalid="ignore"):
        wrong = np.asarray(~(abs(got - due) <= bound) & (got != due), dtype=bool)
    return wrong if probe.free is None else wrong & ~probe.free


def one_image(case: Case, name: str, index: Index, axes: int) -> tuple[Case, tuple[slice, ...]]:
    """Return the call with only the image and the filter that a wrong cell depends on, and their slice of the result."""
    arguments, key = dict(case.arguments), [slice(None)] * axes
    if name in ("y", "indices", "grad_x"):
        key[0] = slice(index[0], index[0] + 1)
        arguments |= {each: arguments[each][key[0]] for each in ("x", "grad_output") if each in arguments}
    if name == "y" and "weight" in arguments and case.option("groups") == 1:
        key[1] = slice(index[1], index[1] + 1)
        filters = (slice(None), key[1]) if case.operation == "conv_transpose2d" else key[1]
        arguments["weight"] = arguments["weight"][filters]
    return replace(case, arguments=arguments), tuple(key)


CHECKS = (
    Check("geometry", OPERATIONS, geometry, "every small configuration, its whole operator, reads the right cells", least=20),
)
