"""The checks of where NaN, Inf and ties go: wrong functions fail them in words; in what right ones differ is a policy."""

import re
from typing import Any

import numpy as np
import pytest

import vectorized
from test_geometry_checks import judged
from verification.checks.probes import unfolded
from wrong import Bug, Function


def ungrouped(right: Function) -> Function:
    """Return a convolution whose groups are zeros in full filters."""

    def wrong(x: Any, weight: Any, bias: Any = None, *, groups: int = 1, **o: Any) -> Any:
        full = unfolded(weight, groups, False).reshape(len(weight), x.shape[1], *weight.shape[2:])
        return right(x, full, bias, **o)

    return wrong


def finite_only(place: int) -> Bug:
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


FOOTPRINT: list[tuple[str, Bug, str]] = [
    (
        "conv2d",
        finite_only(0),
        r"y\[0, 0, 0, 0\] should be nan, got .*: x\[0, 0, 0, 0\] is nan, and y\[0, 0, 0, 0\] is made of it",
    ),
    ("conv2d", finite_only(1), r"should be nan, got .*: weight\[0, 0, 0, 0\] is nan"),
    ("conv2d", next_column_too, r"x\[\d, 0, 0, \d\] is nan, and y\[.*\] is not made of it"),
    ("conv2d", ungrouped, r"x\[\d, \d, 0, 0\] is nan, and y\[.*\] is not made of it"),
    ("conv_transpose2d", finite_only(0), r"should be nan, got"),
    ("conv2d_backward", finite_only(0), r"grad_output\[0, 0, 0, 0\] is nan, and grad_x\[0, 0, 0, 0\] is made of it"),
    ("conv2d_backward", finite_only(1), r"grad_weight\[0, 0, 0, 0\] should be nan, got"),
    ("conv_transpose2d_backward", finite_only(2), r"grad_x\[0, 0, 0, 0\] should be nan, got .*: weight"),
    ("max_pool2d", finite_only(0), r"y\[0, 0, 0, 0\] should be nan, got .*: x\[0, 0, 0, 0\] is nan"),
    ("max_pool2d", lambda right: lambda x, k, **o: right(np.maximum(x, -9e99), k, **o), r"should be -inf, got"),
    ("max_pool2d_backward", finite_only(0), r"grad_x\[0, 0, 0, 0\] should be nan"),
    ("avg_pool2d", running_sums, r"y\[0, 0, \d, \d\] should be .*, got nan: x\[0, 0, 0, 0\] is nan"),
    ("avg_pool2d_backward", finite_only(0), r"grad_x\[0, 0, 0, 0\] should be nan"),
]


@pytest.mark.parametrize(("operation", "bug", "sentence"), FOOTPRINT)
def test_footprint_says_what_is_bad_and_what_it_reaches(operation: str, bug: Bug, sentence: str) -> None:
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
    function: Any = finite_only(0)(vectorized.conv2d)
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
    assert outcome.verdict == "passed"
    assert outcome.log.policies["of equal maxima, the gradient goes to"] == policy


def test_a_gradient_goes_to_no_smaller_pixel() -> None:
    outcome = judged("ties", "max_pool2d_backward", lambda grad, x, kernel: shared(grad, x, kernel) + 1)
    assert outcome.failure is not None
    assert "a window's gradient should go to the maxima" in outcome.failure.message
