"""The checks of geometry: wrong functions fail them, in words that name what is read; and what they enumerate."""

import re
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import vectorized
from verification.checks import taps
from verification.checks.geometry import CHECKS
from verification.checks.probes import forward, unfolded
from verification.checks.taps import Axis, Plane, operator
from verification.implementation import Implementation
from verification.outcome import Outcome
from verification.runner import run_check
from wrong import Bug, Function, flipped, last_group, overlaps_assigned, swapped

BY_NAME = {check.name: check for check in CHECKS}


def judged(check: str, operation: str, function: Function, *, strict: bool = False) -> Outcome:
    implementation = Implementation.of(SimpleNamespace(**{operation: function}), "planted", strict=strict)
    return run_check(implementation, operation, BY_NAME[check])


def other_gradient(place: int, change: Function) -> Bug:
    """Return the bug that changes one of the arrays of a result."""

    def bug(right: Function) -> Function:
        def wrong(*arrays: Any, **o: Any) -> Any:
            found = list(right(*arrays, **o))
            found[place] = change(found[place])
            return tuple(found)

        return wrong

    return bug


def zero_padded(right: Function) -> Function:
    """Return a max pooling that pads with zero."""

    def wrong(x: Any, kernel: Any, *, stride: Any = None, padding: Any = 0, rounding: str = "exact") -> Any:
        (a, b) = padding if isinstance(padding, tuple) else (padding, padding)
        return right(
            np.pad(x, ((0, 0), (0, 0), (a, a), (b, b))), kernel, stride=kernel if stride is None else stride, rounding=rounding
        )

    return wrong


def full_size(right: Function) -> Function:
    """Return an average that divides every window by the kernel's size."""

    def wrong(x: Any, kernel: Any, **o: Any) -> Any:
        rows, columns = kernel if isinstance(kernel, tuple) else (kernel, kernel)
        return right(x, kernel, **{**o, "divisor_override": o.get("divisor_override") or rows * columns})

    return wrong


GEOMETRY: list[tuple[str, Bug, str]] = [
    ("conv2d", flipped, r"y\[n, k, 0, 0\] should read x\[n, 0, 0, 0\] \* weight\[k, 0, 0, 0\]; it reads nothing"),
    ("conv2d", swapped("dilation"), r"y should have shape .*, got"),
    ("conv2d", swapped("stride"), "conv2d raised ValueError: the windows do not tile"),
    (
        "conv2d",
        last_group,
        r"\(k of group 0\) should read x\[n, 0, 0, 0\] \* weight\[k, 0, 0, 0\]; it reads 2 \* x\[n, 0, 0, 0\]",
    ),
    ("conv2d", lambda right: lambda *a, **o: right(*a, **o) * 2, r"it reads 2 \* x\[n, 0, 0, 0\] \* weight"),
    ("conv2d", lambda right: lambda *a, **o: right(*a, **o) + 1e-9, r"it reads 1\.000000001 \* weight\[k, 0, 0, 0\]"),
    ("conv_transpose2d", flipped, r"should read x\[n, 0, 0, 0\] \* weight\[c, k, 0, 0\]; it reads nothing"),
    ("conv_transpose2d", swapped("output_padding"), "raised ValueError: output_padding must be smaller"),
    ("conv2d_backward", other_gradient(0, lambda g: g[:, :, :, ::-1]), r"grad_x\[n, 0, 0, 0\] should get grad_output"),
    ("conv2d_backward", other_gradient(1, lambda g: g[:, :, ::-1]), r"grad_weight\[k, 0, 0, 0\] should get grad_output.* \* x"),
    (
        "conv2d_backward",
        other_gradient(2, lambda g: g / 2),
        r"grad_bias\[0\] should be the sum of grad_output\[:, 0\], 5\.0; got 2\.5",
    ),
    ("conv_transpose2d_backward", other_gradient(0, lambda g: g[:, :, ::-1]), r"grad_x\[n, 0, 0, 0\] should get weight"),
    (
        "conv_transpose2d_backward",
        other_gradient(1, lambda g: g[:, :, ::-1]),
        r"grad_weight\[0, k, 0, 0\] should get grad_output\[n, k, 0, 0\] \* x\[0, 0, 0, 0\]",
    ),
    ("conv_transpose2d_backward", other_gradient(2, lambda g: g * 0), r"grad_bias\[0\] should be the sum of grad_output"),
    ("max_pool2d", zero_padded, r"the window of y\[n, c, 0, 0\] is x\[n, c\] at \(0, 0\); peaks are seen at no pixel"),
    ("max_pool2d", swapped("dilation"), r"y should have shape .*, got"),
    (
        "max_pool2d_backward",
        overlaps_assigned,
        r"grad_x\[n, c, 0, 0\] should get grad_output.* \+ grad_output.*; it gets grad_output",
    ),
    (
        "max_pool2d_backward",
        lambda right: lambda g, x, k, **o: right(g, -x, k, **o),
        r"should go to grad_x.*; it goes to grad_x",
    ),
    ("avg_pool2d", full_size, r"should be a sum divided by 1; it is divided by 2"),
    ("avg_pool2d_backward", lambda right: lambda *a, **o: right(*a, **{**o, "count_include_pad": True}), r"should get 1/1 of"),
]


@pytest.mark.parametrize(("operation", "bug", "sentence"), GEOMETRY)
def test_geometry_says_what_is_read(operation: str, bug: Bug, sentence: str) -> None:
    outcome = judged("geometry", operation, bug(getattr(vectorized, operation)), strict=True)
    assert outcome.failure is not None
    assert re.search(sentence, outcome.failure.message), outcome.failure.message


def test_indices_are_those_of_the_unpadded_plane() -> None:
    def wrong(x: Any, kernel: Any, *, return_indices: bool = False, **o: Any) -> Any:
        y, indices = vectorized.max_pool2d(x, kernel, return_indices=True, **o)
        return (y, indices + 1) if return_indices else y

    outcome = judged("geometry", "max_pool2d", wrong)
    assert outcome.failure is not None
    assert "its largest value has index 0 (row * 2 + column), got 1, at row 0, column 1" in outcome.failure.message


def test_a_failure_is_cut_down_to_one_image_and_one_filter() -> None:
    failure = judged("geometry", "conv2d", flipped(vectorized.conv2d)).failure
    assert failure is not None
    assert failure.case is not None
    assert len(failure.case.arguments["x"]) == len(failure.case.arguments["weight"]) == 1
    assert failure.index is not None
    assert failure.expected[failure.index] != failure.got[failure.index]


@pytest.mark.parametrize("seed", range(4))
def test_no_tap_of_any_window_can_be_wrong_unseen(seed: int) -> None:
    """A convolution by taps, with one of them toggled, in one configuration."""
    rng = np.random.default_rng(seed)
    bent = taps.conv_planes(False)[rng.integers(len(taps.conv_planes(False)))]

    def conv2d(x: Any, weight: Any, _: Any = None, **o: Any) -> Any:
        plane = Plane(*(Axis(*v) for v in _axes(x, weight, o)))
        T = operator(plane)
        if plane == bent:
            place = tuple(np.random.default_rng(seed).integers(T.shape))
            T[place] = 1 - T[place]
        return forward(x, unfolded(weight, o.get("groups", 1), False), T).reshape(len(x), len(weight), *plane.windows)

    outcome = judged("geometry", "conv2d", conv2d)
    assert outcome.failure is not None
    assert "should read" in outcome.failure.message


def _axes(x: Any, weight: Any, o: Any) -> Any:
    def pair(name: str, default: int) -> Any:
        value = o.get(name, default)
        return value if isinstance(value, tuple) else (value, value)

    pads = [v if isinstance(v, tuple) else (v, v) for v in pair("padding", 0)]
    for i in (0, 1):
        yield x.shape[2 + i], weight.shape[2 + i], pair("stride", 1)[i], *pads[i], pair("dilation", 1)[i]


def test_thousands_of_planes_are_enumerated_and_height_is_never_width() -> None:
    planes = [*taps.conv_planes(False), *taps.pool_planes(True), *taps.transposed_planes(False)]
    assert len(planes) > 9000
    assert all(plane.size[0] != plane.size[1] for plane in planes)
    strides = {(plane.height.stride, plane.width.stride) for plane in planes}
    assert strides >= {(a, b) for a in (1, 2, 3) for b in (1, 2, 3)}
    assert any(plane.height.low > plane.height.kernel for plane in planes)
