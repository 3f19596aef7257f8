"""The checks of geometry: wrong functions fail them, in words that name what is read; right ones pass."""

import re
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import naive
import vectorized
from verification.checks import CHECKS as EVERY
from verification.checks import taps
from verification.checks.geometry import CHECKS
from verification.checks.probes import forward, unfolded
from verification.checks.taps import Axis, Plane, operator
from verification.implementation import Implementation
from verification.outcome import Outcome
from verification.runner import run_check

BY_NAME = {check.name: check for check in CHECKS}
Function = Callable[..., Any]


def judged(check: str, operation: str, function: Function, *, strict: bool = False) -> Outcome:
    implementation = Implementation.of(SimpleNamespace(**{operation: function}), "planted", strict=strict)
    return run_check(implementation, operation, BY_NAME[check])


def swapped(option: str) -> Callable[[Function], Function]:
    """Return the bug that takes a pair as (width, height)."""

    def bug(right: Function) -> Function:
        def wrong(*arrays: Any, **options: Any) -> Any:
            if isinstance(options.get(option), tuple):
                options[option] = options[option][::-1]
            return right(*arrays, **options)

        return wrong

    return bug


def flipped(right: Function) -> Function:
    return lambda x, weight, bias=None, **o: right(x, weight[:, :, ::-1], bias, **o)


def last_group(right: Function) -> Function:
    """Return the bug that gives every group the filters of the last one."""

    def wrong(x: Any, weight: Any, bias: Any = None, **o: Any) -> Any:
        share = len(weight) // o.get("groups", 1)
        return right(x, np.concatenate([weight[-share:]] * o.get("groups", 1)), bias, **o)

    return wrong


def other_gradient(place: int, change: Function) -> Callable[[Function], Function]:
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


def assigned(_: Function) -> Function:
    """Return a max pooling gradient that assigns where it must add."""

    def wrong(grad: Any, x: Any, kernel: Any, **o: Any) -> Any:
        _, winners = vectorized.max_pool2d(x, kernel, return_indices=True, **o)
        grad_x = np.zeros(x.shape).reshape(len(x), -1)
        for n, window in enumerate(winners.reshape(len(x), -1)):
            for place, g in zip(window, grad[n].ravel(), strict=True):
                grad_x[n, place] = g or grad_x[n, place]
        return grad_x.reshape(x.shape)

    return wrong


def full_size(right: Function) -> Function:
    """Return an average that divides every window by the kernel's size."""

    def wrong(x: Any, kernel: Any, **o: Any) -> Any:
        rows, columns = kernel if isinstance(kernel, tuple) else (kernel, kernel)
        return right(x, kernel, **{**o, "divisor_override": o.get("divisor_override") or rows * columns})

    return wrong


GEOMETRY: list[tuple[str, Callable[[Function], Function], str]] = [
    ("conv2d", flipped, r"y\[n, k, 0, 0\] should read x\[n, 0, 0, 0\] \* weight\[k, 0, 0, 0\]; it reads nothing"),
    (
        "conv2d",
        swapped("dilation"),
        r"should read only padding; it reads x\[n, 0, 0, 0\] \* weight|the window is larger|y should have shape",
    ),
    ("conv2d", swapped("stride"), r"y should have shape .*, got|conv2d raised ValueError: the windows do not tile"),
    (
        "conv2d",
        last_group,
        r"\(k of group 0\) should read x\[n, 0, 0, 0\] \* weight\[k, 0, 0, 0\]; it reads 2 \* x\[n, 0, 0, 0\]",
    ),
    ("conv2d", lambda right: lambda *a, **o: right(*a, **o) * 2, r"it reads 2 \* x\[n, 0, 0, 0\] \* weight"),
    ("conv2d", lambda right: lambda *a, **o: right(*a, **o) + 1e-9, r"it reads 1\.000000001 \* weight\[k, 0, 0, 0\]"),
    ("conv_transpose2d", flipped, r"should read x\[n, 0, 0, 0\] \* weight\[c, k, 0, 0\]; it reads nothing"),
    ("conv_transpose2d", swapped("output_padding"), r"y should have shape|output_padding must be smaller"),
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
    ("max_pool2d", swapped("dilation"), r"peaks are seen at|should have shape|raised ValueError"),
    ("max_pool2d_backward", assigned, r"grad_x\[n, c, 0, 0\] should get grad_output.* \+ grad_output.*; it gets grad_output"),
    (
        "max_pool2d_backward",
        lambda right: lambda g, x, k, **o: right(g, -x, k, **o),
        r"should go to grad_x.*; it goes to grad_x",
    ),
    ("avg_pool2d", full_size, r"should be a sum divided by 1; it is divided by 2"),
    ("avg_pool2d_backward", lambda right: lambda *a, **o: right(*a, **{**o, "count_include_pad": True}), r"should get 1/1 of"),
]


@pytest.mark.parametrize(("operation", "bug", "sentence"), GEOMETRY)
def test_geometry_says_what_is_read(operation: str, bug: Callable[[Function], Function], sentence: str) -> None:
    outcome = judged("geometry", operation, bug(getattr(vectorized, operation)), strict=True)
    assert outcome.failure is not None
    assert re.search(sentence, outcome.failure.message), outcome.failure.message


def ungrouped(right: Function) -> Function:
    """Return a convolution whose groups are zeros in full filters."""

    def wrong(x: Any, weight: Any, bias: Any = None, *, groups: int = 1, **o: Any) -> Any:
        full = unfolded(weight, groups, False).reshape(len(weight), x.shape[1], *weight.shape[2:])
        return right(x, full, bias, **o)

    return wrong


def whole_numbers_only(place: int) -> Callable[[Function], Function]:
    """Return the bug that takes NaN and Inf in one argument as numbers."""

    def bug(right: Function) -> Function:
        def wrong(*a: Any, **o: Any) -> Any:
            return right(*a[:place], np.nan_to_num(a[place]), *a[place + 1 :], **o)

        return wrong

    return bug


def next_column_too(right: Function) -> Function:
    """Return a function that reads the column after each, times zero."""
    return lambda x, *a, **o: right(x, *a, **o) + 0 * right(np.roll(x, -1, -1), *a, **o)


def running_sums(_: Function) -> Function:
    """Return an average pooling by differences of running sums, along rows, for plain windows."""

    def wrong(x: Any, kernel: int, *, stride: Any = None) -> Any:
        step = stride or kernel
        for axis in (2, 3):
            sums = np.cumsum(np.concatenate([np.zeros_like(x.take([0], axis)), x], axis), axis)
            last = np.arange(kernel, sums.shape[axis], step)
            x = sums.take(last, axis) - sums.take(last - kernel, axis)
        return x / kernel**2

    return wrong


FOOTPRINT: list[tuple[str, Callable[[Function], Function], str]] = [
    (
        "conv2d",
        whole_numbers_only(0),
        r"y\[0, 0, 0, 0\] should be nan, got .*: x\[0, 0, 0, 0\] is nan, and y\[0, 0, 0, 0\] is made of it",
    ),
    ("conv2d", whole_numbers_only(1), r"should be nan, got .*: weight\[0, 0, 0, 0\] is nan"),
    ("conv2d", next_column_too, r"x\[\d, 0, 0, \d\] is nan, and y\[.*\] is not made of it"),
    ("conv2d", ungrouped, r"x\[\d, \d, 0, 0\] is nan, and y\[.*\] is not made of it"),
    ("conv_transpose2d", whole_numbers_only(0), r"should be nan, got"),
    ("conv2d_backward", whole_numbers_only(0), r"grad_output\[0, 0, 0, 0\] is nan, and grad_x\[0, 0, 0, 0\] is made of it"),
    ("conv2d_backward", whole_numbers_only(1), r"grad_weight\[0, 0, 0, 0\] should be nan, got"),
    ("conv_transpose2d_backward", whole_numbers_only(2), r"grad_x\[0, 0, 0, 0\] should be nan, got .*: weight"),
    ("max_pool2d", whole_numbers_only(0), r"y\[0, 0, 0, 0\] should be nan, got .*: x\[0, 0, 0, 0\] is nan"),
    ("max_pool2d", lambda right: lambda x, k, **o: right(np.maximum(x, -9e99), k, **o), r"should be -inf, got"),
    ("max_pool2d_backward", whole_numbers_only(0), r"grad_x\[0, 0, 0, 0\] should be nan"),
    ("avg_pool2d", running_sums, r"y\[0, 0, \d, \d\] should be .*, got nan: x\[0, 0, 0, 0\] is nan"),
    ("avg_pool2d_backward", whole_numbers_only(0), r"grad_x\[0, 0, 0, 0\] should be nan"),
]


@pytest.mark.parametrize(("operation", "bug", "sentence"), FOOTPRINT)
def test_footprint_says_what_is_bad_and_what_it_reaches(
    operation: str, bug: Callable[[Function], Function], sentence: str
) -> None:
    outcome = judged("footprint", operation, bug(getattr(vectorized, operation)))
    assert outcome.failure is not None
    assert re.search(sentence, outcome.failure.message), outcome.failure.message


def stuffed(right: Function) -> Function:
    """Return a convolution whose dilated filters are stuffed with zeros: NaN between the taps is multiplied by them."""

    def allowed(x: Any, weight: Any, bias: Any = None, *, stride: Any = 1, dilation: Any = 1, rounding: Any = "exact") -> Any:
        a, b = dilation if isinstance(dilation, tuple) else (dilation, dilation)
        full = np.zeros((*weight.shape[:2], a * (weight.shape[2] - 1) + 1, b * (weight.shape[3] - 1) + 1))
        full[:, :, ::a, ::b] = weight
        return right(x, full, bias, stride=stride, rounding=rounding)

    return allowed


def test_what_right_programs_differ_in_is_a_policy() -> None:
    outcome = judged("footprint", "conv2d", stuffed(vectorized.conv2d))
    assert outcome.verdict == "passed"
    assert outcome.log.policies["NaN or Inf between the taps of a dilated window gives"] == "NaN"
    assert judged("footprint", "conv2d", stuffed(vectorized.conv2d), strict=True).verdict == "failed"


def test_a_weaker_error_class_has_no_footprint() -> None:
    function: Any = whole_numbers_only(0)(vectorized.conv2d)
    function.error_class = "fft"
    assert judged("footprint", "conv2d", function).verdict == "unsupported"


def last_of_ties(x: Any, kernel: Any, *, stride: Any = None, return_indices: bool = False) -> Any:
    """Pool the image turned upside down, and turn the result back."""
    y, found = vectorized.max_pool2d(x[..., ::-1, ::-1], kernel, stride=stride, return_indices=True)
    y, found = y[..., ::-1, ::-1], x.shape[-1] * x.shape[-2] - 1 - found[..., ::-1, ::-1]
    return (y, found) if return_indices else y


def test_ties_are_a_policy_unless_the_contract_is_taken_at_its_word() -> None:
    outcome = judged("ties", "max_pool2d", last_of_ties)
    assert outcome.verdict == "passed"
    assert outcome.log.policies["of equal maxima, indices take"] == "the last"
    failure = judged("ties", "max_pool2d", last_of_ties, strict=True).failure
    assert failure is not None
    assert "the first of the equal maxima" in failure.message


def shared(grad: Any, x: Any, kernel: int, *, whole: bool = False) -> Any:
    """Return the gradient of a max pooling of plain windows: all maxima share it, or each gets it whole."""
    N, C, H, W = x.shape
    y = vectorized.max_pool2d(x, kernel)
    up = [np.repeat(np.repeat(v, kernel, 2), kernel, 3) for v in (y, grad)]
    largest = x == up[0]
    count = largest.reshape(N, C, H // kernel, kernel, W // kernel, kernel).sum((3, 5))
    return largest * up[1] / (1 if whole else np.repeat(np.repeat(count, kernel, 2), kernel, 3))


@pytest.mark.parametrize(("whole", "policy"), [(False, "all, in shares"), (True, "all, to each the whole")])
def test_gradients_of_ties_are_a_policy(whole: bool, policy: str) -> None:
    outcome = judged("ties", "max_pool2d_backward", lambda grad, x, kernel: shared(grad, x, kernel, whole=whole))
    assert outcome.log.policies["of equal maxima, the gradient goes to"] == policy


def test_a_gradient_goes_to_no_smaller_pixel() -> None:
    outcome = judged("ties", "max_pool2d_backward", lambda grad, x, kernel: shared(grad, x, kernel) + 1)
    assert outcome.failure is not None
    assert "a window's gradient should go to the maxima" in outcome.failure.message


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


def test_an_empty_batch_that_only_a_shortcut_minds() -> None:
    """What once was ours: one pixel for a window, or one window for a plane, was worked out by a reshape to -1."""

    def conv2d(x: Any, weight: Any, *rest: Any, **options: Any) -> Any:
        if np.shape(weight)[2:] == (1, 1) and options.get("padding", 0) == 0:
            np.reshape(x, (len(x), -1))
        return naive.conv2d(x, weight, *rest, **options)

    def avg_pool2d(x: Any, kernel_size: Any, **options: Any) -> Any:
        if np.shape(x)[-1] == kernel_size:
            np.reshape(x, (len(x), -1))
        return naive.avg_pool2d(x, kernel_size, **options)

    mine = Implementation.of(SimpleNamespace(conv2d=conv2d, avg_pool2d=avg_pool2d), "mine", strict=True)
    for operation in ("conv2d", "avg_pool2d"):
        found = run_check(mine, operation, EVERY["sizes"])
        assert found.verdict == "failed"
        assert found.failure is not None
        assert "cannot reshape array of size 0" in found.failure.message
