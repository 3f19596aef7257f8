"""The algebra of poolings: each option is worth another call without it, and a pool is its definition.

A last, partial window, and cells that are not counted, are left to the exact judges: these have no such rewriting.
"""

from collections.abc import Iterator
from functools import reduce
from itertools import product

import numpy as np

from contract import Array, Sides
from verification.cases import Case
from verification.checks.claims import (
    Call,
    Claim,
    Relation,
    changed,
    cropped,
    dilation_of,
    kernel_of,
    padded,
    sides_of,
    spans_of,
    stride_of,
    stuffed,
    thinned,
)

NONE: Sides = ((0, 0), (0, 0))


def whole_windows(case: Case) -> bool:
    """Return whether every window is whole, and divides by the same number."""
    return case.option("rounding") != "ceil" and (case.options.get("count_include_pad", True) or sides_of(case) == NONE)


def definition(call: Call, case: Case) -> Iterator[Claim]:
    """A pool is the maximum, or the mean, over the taps of its windows."""
    if whole_windows(case):
        maximum = case.operation.startswith("max")
        image = padded(case.arguments["x"], sides_of(case), -np.inf if maximum else 0.0)
        taps = _taps(case, image)
        divisor = 1 if maximum else case.options.get("divisor_override") or np.prod(kernel_of(case))
        due = reduce(np.maximum if maximum else np.add, taps) / divisor
        yield Claim(case, "y", call(case)["y"], due, f"a pool should be the {'maximum' if maximum else 'mean'} over its taps")


def stride(call: Call, case: Case) -> Iterator[Claim]:
    """A stride leaves windows out of the result with stride 1."""
    steps = stride_of(case)
    if steps != (1, 1) and whole_windows(case):
        every = call(changed(case, "rounding", options={"stride": 1}))
        words = "a stride should leave out windows of the result with stride 1"
        yield from (Claim(case, name, got, thinned(every[name], steps), words) for name, got in call(case).items())


def padding(call: Call, case: Case) -> Iterator[Claim]:
    """Padding is a padded image: with -inf for a maximum, with zeros for a mean; indices count the image alone."""
    sides = sides_of(case)
    if sides != NONE and whole_windows(case):
        around = -np.inf if case.operation.startswith("max") else 0.0
        other = call(changed(case, "padding", x=padded(case.arguments["x"], sides, around)))
        for name, got in call(case).items():
            if name != "indices":
                due = cropped(other[name], sides) if name == "grad_x" else other[name]
                yield Claim(case, name, got, due, f"padding should be worth an image padded with {around:g}")


def pointed_at(call: Call, case: Case) -> Iterator[Claim]:
    """Indices point at the values, which are those that come without indices."""
    if case.options.get("return_indices"):
        results, x = call(case), case.arguments["x"]
        planes, pixels = x.shape[:-2], x.shape[-2] * x.shape[-1]
        P, Q = results["y"].shape[-2:]
        flat = results["indices"].reshape(*planes, P * Q).astype(np.int64)
        inside = (flat >= 0) & (flat < pixels)
        values = np.take_along_axis(x.reshape(*planes, pixels), np.where(inside, flat, 0), -1)
        due = np.where(inside, values, np.nan).reshape(results["y"].shape)
        yield Claim(case, "y", results["y"], due, "indices should point at the values", open_cells=np.isinf(results["y"]))
        plain = call(changed(case, "return_indices"))["y"]
        yield Claim(case, "y", results["y"], plain, "values should be the same with indices and without")


def stride_backward(call: Call, case: Case) -> Iterator[Claim]:
    """Windows that a stride leaves out have a gradient of zero."""
    steps = stride_of(case)
    if steps != (1, 1) and whole_windows(case):
        sizes = zip(case.arguments["x"].shape[-2:], sides_of(case), spans_of(case), strict=True)
        height, width = (n + sum(s) - f + 1 for n, s, f in sizes)
        grad = stuffed(case.arguments["grad_output"], steps, (height, width))
        due = call(changed(case, "rounding", options={"stride": 1}, grad_output=grad))["grad_x"]
        words = "windows that a stride leaves out should be worth gradients of zero"
        yield Claim(case, "grad_x", call(case)["grad_x"], due, words)


def shared_out(call: Call, case: Case) -> Iterator[Claim]:
    """The gradients of all windows are in the gradient of the image, neither more nor less."""
    lost = case.options.get("divisor_override") or (sides_of(case) != NONE and case.options.get("count_include_pad", True))
    if case.operation.startswith("max") or not lost:
        got = call(case)["grad_x"].sum((-2, -1))
        due = case.arguments["grad_output"].sum((-2, -1))
        yield Claim(case, "grad_x", got, due, "a gradient should add up, over each plane, to those of the windows")


def _taps(case: Case, image: Array) -> list[Array]:
    """Return for each tap what all windows read through it."""
    spans, steps, dilation = spans_of(case), stride_of(case), dilation_of(case)
    ends = [n - span + 1 for n, span in zip(image.shape[-2:], spans, strict=True)]
    return [
        image[
            ..., r * dilation[0] : r * dilation[0] + ends[0] : steps[0], s * dilation[1] : s * dilation[1] + ends[1] : steps[1]
        ]
        for r, s in product(*map(range, kernel_of(case)))
    ]


EQUIVALENCES: dict[str, tuple[Relation, ...]] = {
    "max_pool2d": (definition, padding, stride, pointed_at),
    "max_pool2d_backward": (padding, stride_backward, shared_out),
    "avg_pool2d": (definition, padding, stride),
    "avg_pool2d_backward": (padding, stride_backward, shared_out),
}
