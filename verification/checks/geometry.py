"""Geometry: the whole operator of every small configuration, from one-hot probes; and where NaN, Inf and ties go.

taps.py says which cells are read; probes.py and pool_probes.py make the calls that show it. Here the calls are judged, and a
difference is cut down to one image and one filter.

What it cannot show: anything that depends on sizes beyond these, on the values, or on the layout of the arrays.
"""

from collections.abc import Iterator
from itertools import product
from typing import Any

from verification.checks import pool_probes, probes, taps
from verification.checks.calls import Function, Probe, compare
from verification.checks.footprint import footprint
from verification.checks.ties import ties
from verification.implementation import Implementation, UnsupportedError
from verification.operations import CONVOLUTIONS, OPERATIONS
from verification.outcome import Check, Log

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
            compare(function, probe)
        except UnsupportedError:
            continue  # the form is in the log already


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


CHECKS = (
    Check("geometry", OPERATIONS, geometry, "every small configuration, its whole operator, reads the right cells", least=10),
    Check("footprint", OPERATIONS, footprint, "one NaN or Inf reaches exactly the results that are made of it", least=3),
    Check("ties", OPERATIONS[4:6], ties, "of equal maxima the first is taken, of several NaN the last", least=3),
)
