"""The gradient checks: each finds what it is for; and correct code passes."""

from itertools import product
from types import SimpleNamespace
from typing import Any

import pytest

import naive
import vectorized
from verification.checks import CHECKS
from verification.implementation import Implementation
from verification.operations import BACKWARD
from verification.runner import run_check
from wrong import overlaps_assigned

GRADIENTS = ("adjoint", "differences", "autograd")


def outcome(check: str, operation: str, **functions: Any) -> Any:
    return run_check(Implementation.of(SimpleNamespace(**functions), "mine"), operation, CHECKS[check])


@pytest.mark.parametrize("operation", BACKWARD)
@pytest.mark.parametrize("check", GRADIENTS)
def test_correct_code_passes(check: str, operation: str) -> None:
    for module in (naive, vectorized):
        found = run_check(Implementation.of(module, module.__name__, strict=True), operation, CHECKS[check])
        assert found.verdict == "passed", found
    alone = outcome(check, operation, **{operation: getattr(vectorized, operation)})  # without the forward function
    assert alone.verdict == "passed", alone


def conv(change: Any) -> Any:
    def conv2d_backward(g: Any, x: Any, weight: Any, **options: Any) -> Any:
        return change(list(vectorized.conv2d_backward(g, x, weight, **options)), g, x, weight, options)

    return conv2d_backward


def no_last_row(grads: Any, *_: Any) -> Any:
    grads[0][..., -1, :] = 0
    return grads


def flipped_filter(grads: Any, g: Any, x: Any, weight: Any, options: Any) -> Any:
    return vectorized.conv2d_backward(g, x, weight[..., ::-1], **options)[0], *grads[1:]


def of_the_first_image(grads: Any, g: Any, x: Any, weight: Any, options: Any) -> Any:
    if x.ndim == 4:
        grads[1] = vectorized.conv2d_backward(g[:1], x[:1], weight, **options)[1]
    return grads


def averaged_bias(grads: Any, g: Any, *_: Any) -> Any:
    grads[2] = grads[2] / max(1, g.shape[-1])
    return grads


WRONG = [*product(GRADIENTS, (no_last_row, flipped_filter, of_the_first_image))]
WRONG += [("adjoint", averaged_bias), ("autograd", averaged_bias)]  # a bias is no argument: there is nothing to step in


@pytest.mark.parametrize(("check", "wrong"), WRONG)
def test_wrong_gradients_of_a_convolution_are_found(check: str, wrong: Any) -> None:
    assert outcome(check, "conv2d_backward", conv2d_backward=conv(wrong)).verdict == "failed"


def to_the_last(g: Any, x: Any, kernel_size: Any, **options: Any) -> Any:
    return -vectorized.max_pool2d_backward(g, -x, kernel_size, **options)


@pytest.mark.parametrize("wrong", [overlaps_assigned(vectorized.max_pool2d_backward), to_the_last])
@pytest.mark.parametrize("check", GRADIENTS)
def test_wrong_gradients_of_max_pooling_are_found(check: str, wrong: Any) -> None:
    found = outcome(check, "max_pool2d_backward", max_pool2d_backward=wrong)
    assert found.verdict == "failed", found


def forgets_the_divisor(g: Any, x: Any, kernel_size: Any, **options: Any) -> Any:
    return vectorized.avg_pool2d_backward(g, x, kernel_size, **{**options, "divisor_override": 1})


@pytest.mark.parametrize("check", GRADIENTS)
def test_wrong_gradients_of_average_pooling_are_found(check: str) -> None:
    found = outcome(check, "avg_pool2d_backward", avg_pool2d_backward=forgets_the_divisor)
    assert found.verdict == "failed"


def test_the_words_say_which_identity_fails() -> None:
    found = outcome("adjoint", "conv2d_backward", conv2d_backward=conv(no_last_row))
    assert found.failure.message.startswith("⟨f(x), g⟩ should equal ⟨x, grad_x⟩, but ")
    found = outcome("adjoint", "conv2d_backward", conv2d_backward=conv(averaged_bias))
    assert found.failure.message == "grad_bias should be the sum of grad_output for each filter"
