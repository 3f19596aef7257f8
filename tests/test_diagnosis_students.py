"""The diagnosis names the mistakes that people make when they write a convolution or a pooling for the first time."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from samples import small_integers
from test_diagnosis import case_of
from verification.cases import Case
from verification.diagnosis import explain
from verification.implementation import Implementation
from verification.outcome import Failure

pytestmark = pytest.mark.usefixtures("unhurried")


def convolve(
    x: Any, weight: Any, bias: Any, pads: Any, rows: int, columns: int, read: Callable[[Any], Any] = lambda window: window
) -> Any:
    """Convolve as a student would: window by window, with steps of ``rows`` and ``columns``; the size is worked out right."""
    x = np.pad(x, ((0, 0), (0, 0), *pads))
    (R, S), (H, W) = weight.shape[2:], x.shape[2:]
    y = np.zeros((x.shape[0], weight.shape[0], (H - R) // rows + 1, (W - S) // rows + 1), x.dtype)
    for i in range(y.shape[2]):
        for j in range(y.shape[3]):
            window = x[:, :, i * rows : i * rows + R, j * columns : j * columns + S]
            y[:, :, i, j] = np.tensordot(read(window), weight, ((1, 2, 3), (1, 2, 3)))
    return y if bias is None else y + bias[:, np.newaxis, np.newaxis]


def even(padding: int) -> tuple[tuple[int, int], tuple[int, int]]:
    return (padding, padding), (padding, padding)


def flipped(x: Any, weight: Any, bias: Any = None, stride: int = 1, padding: int = 0) -> Any:
    return convolve(x, np.flip(weight, (2, 3)), bias, even(padding), stride, stride)


def one_stride(x: Any, weight: Any, bias: Any = None, stride: int = 1, padding: int = 0) -> Any:
    return convolve(x, weight, bias, even(padding), stride, 1)


def one_side(x: Any, weight: Any, bias: Any = None, stride: int = 1, padding: int = 0) -> Any:
    return convolve(x, weight, bias, ((2 * padding, 0), (2 * padding, 0)), stride, stride)


def half_padded(x: Any, weight: Any, bias: Any = None, stride: int = 1, padding: int = 0) -> Any:
    return convolve(x, weight, bias, ((padding, 0), (padding, 0)), stride, stride)


def no_bias(x: Any, weight: Any, bias: Any = None, stride: int = 1, padding: int = 0) -> Any:  # noqa: ARG001
    return convolve(x, weight, None, even(padding), stride, stride)


def mixed_groups(x: Any, weight: Any, bias: Any = None, groups: int = 1) -> Any:
    depth = weight.shape[1]
    starts = [k % groups * depth for k in range(len(weight))]
    results = [convolve(x[:, c : c + depth], weight[k : k + 1], None, even(0), 1, 1) for k, c in enumerate(starts)]
    y = np.concatenate(results, 1)
    return y if bias is None else y + bias[:, np.newaxis, np.newaxis]


def transposed_windows(x: Any, weight: Any, bias: Any = None, stride: int = 1, padding: int = 0) -> Any:
    return convolve(x, weight, bias, even(padding), stride, stride, lambda window: window.swapaxes(2, 3))


def doubled(x: Any, weight: Any, bias: Any = None, stride: int = 1, padding: int = 0) -> Any:
    return 2 * convolve(x, weight, bias, even(padding), stride, stride)


def zero_padded_max(x: Any, kernel_size: int, stride: int | None = None, padding: int = 0) -> Any:
    x, step = np.pad(x, ((0, 0), (0, 0), *even(padding))), stride or kernel_size
    windows = np.lib.stride_tricks.sliding_window_view(x, (kernel_size, kernel_size), (2, 3))
    return windows[:, :, ::step, ::step].max((4, 5))


FIRST = "should read x[0, 0, 0, 0] through weight[1, 0, 0, 0]; it reads x[0, 2, 0, 0] through weight[1, 0, 0, 0]"
SECOND = "should read x[0, 0, 0, 1] through weight[0, 0, 0, 1]; it reads x[0, 0, 1, 0] through weight[0, 0, 0, 1]"
STUDENTS = [
    (
        flipped,
        case_of("conv2d"),
        ["a true convolution", "it reads x[0, 0, 2, 2] through weight[0, 0, 0, 0]: the kernel is flipped"],
    ),
    (one_stride, case_of("conv2d", stride=2), ["stride is used on the height only", "stride_w is taken as 1 (it is 2)"]),
    (one_side, case_of("conv2d", padding=1), ["put at the top and the left", "padding_top is taken as 2 (it is 1)"]),
    (half_padded, case_of("conv2d", padding=1), ["the bottom and the right are not", "padding_bottom is taken as 0 (it is 1)"]),
    (no_bias, case_of("conv2d"), ["the bias is left out"]),
    (mixed_groups, case_of("conv2d", groups=2), ["channels of group k % groups", FIRST]),
    (transposed_windows, case_of("conv2d"), [SECOND]),
    (doubled, case_of("conv2d"), ["it reads 2 * x[0, 0, 0, 0] through weight[0, 0, 0, 0]"]),
    (zero_padded_max, case_of("max_pool2d", stride=2, padding=1), ["max pooling pads with 0"]),
]


@pytest.mark.parametrize(("function", "case", "said"), STUDENTS, ids=[s[0].__name__ for s in STUDENTS])
def test_a_student_s_mistake_is_named(function: Any, case: Case, said: list[str]) -> None:
    implementation = Implementation(function.__name__, {case.operation: function})
    text = " ".join(explain(implementation, Failure("", case)))
    for words in said:
        assert words in text


def test_a_cell_and_an_option_are_named_in_one_sentence() -> None:
    x, weight = small_integers((1, 1, 3, 6)), small_integers((1, 1, 1, 2))
    case = Case("conv2d", {"x": x, "weight": weight, "bias": None}, {"stride": 2})
    assert (
        "y[0, 0, 0, 1] should read x[0, 0, 0, 2] through weight[0, 0, 0, 0]; "
        "it reads x[0, 0, 0, 1] through weight[0, 0, 0, 0]: stride_w is taken as 1 (it is 2)."
    ) in explain(Implementation("one_stride", {"conv2d": one_stride}), Failure("", case))
