"""Right code that takes less than the contract is not failed; and what it takes is no excuse for what it gets wrong."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import vectorized
from verification.abilities import abilities
from verification.checks import CHECKS
from verification.implementation import Implementation
from verification.outcome import Log
from verification.runner import run_check
from wrong import swapped


def verdict(check: str, operation: str, **functions: Any) -> Any:
    return run_check(Implementation.of(SimpleNamespace(**functions), "mine"), operation, CHECKS[check])


def max_pool2d(x: Any, kernel_size: Any, stride: Any = None, padding: Any = 0) -> Any:
    """Take one int for a size, as a student's first version does."""
    if isinstance(kernel_size, tuple):
        raise TypeError("kernel_size must be an int")
    return vectorized.max_pool2d(x, kernel_size, stride=stride, padding=padding)


def test_a_pool_of_square_windows_passes_on_large_layers() -> None:
    found = verdict("large", "max_pool2d", max_pool2d=max_pool2d)
    assert found.verdict == "passed", found


def conv2d(x: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0) -> Any:
    return vectorized.conv2d(x, weight, bias, stride=stride, padding=padding)  # raises where windows do not tile


def conv2d_backward(g: Any, x: Any, weight: Any, stride: Any = 1, padding: Any = 0) -> Any:
    return vectorized.conv2d_backward(g, x, weight, stride=stride, padding=padding, rounding="floor")


@pytest.mark.parametrize("check", ["adjoint", "differences"])
def test_a_forward_that_refuses_what_its_gradient_floors_is_no_fault_of_the_gradient(check: str) -> None:
    found = verdict(check, "conv2d_backward", conv2d=conv2d, conv2d_backward=conv2d_backward)
    assert found.verdict == "passed", found


SIZES = ("stride", "padding", "dilation")
PAIRS = [*(("conv2d", name) for name in SIZES), *(("max_pool2d", name) for name in (*SIZES, "kernel_size"))]


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize(("operation", "name"), PAIRS)
def test_a_pair_taken_the_wrong_way_round_is_not_excused(name: str, operation: str, strict: bool) -> None:
    functions = {operation: swapped(name)(getattr(vectorized, operation))}
    implementation = Implementation.of(SimpleNamespace(**functions), "mine", strict=strict)
    assert abilities(implementation, operation, Log()).takes(f"{name} pair")
    assert run_check(implementation, operation, CHECKS["geometry"]).verdict == "failed"


def test_a_result_in_another_byte_order_is_found() -> None:
    def foreign(x: Any, weight: Any, bias: Any = None, **options: Any) -> Any:
        y = vectorized.conv2d(x, weight, bias, **options)
        return y.astype(np.asarray(x).dtype) if isinstance(x, np.ndarray) else y

    found = verdict("layouts", "conv2d", conv2d=foreign)
    assert found.verdict == "failed"
    assert "y should be in the machine's own byte order" in found.failure.message


def test_a_failing_case_shows_no_option_that_the_function_lacks() -> None:
    def floors(x: Any, weight: Any, stride: Any = 1) -> Any:
        down, across = stride if isinstance(stride, tuple) else (stride, stride)
        tiles = (x.shape[-2] - weight.shape[-2]) % down == (x.shape[-1] - weight.shape[-1]) % across == 0
        return vectorized.conv2d(x, weight if tiles else np.flip(weight, (2, 3)), stride=stride, rounding="floor")

    found = verdict("geometry", "conv2d", conv2d=floors)
    assert found.verdict == "failed"
    assert set(found.failure.case.options) <= {"stride"}


def plain_einsum(x: Any, weight: Any, bias: Any = None, stride: int = 1) -> Any:
    windows = np.lib.stride_tricks.sliding_window_view(x, weight.shape[2:], (2, 3))[:, :, ::stride, ::stride]
    y = np.einsum("ncijrs,kcrs->nkij", windows, weight)
    return y if bias is None else y + bias[:, np.newaxis, np.newaxis]


def loops_in_float64(x: Any, weight: Any, bias: Any = None) -> Any:
    y = np.zeros((len(x), len(weight), x.shape[2] - weight.shape[2] + 1, x.shape[3] - weight.shape[3] + 1))
    for i, j in np.ndindex(*y.shape[2:]):
        window = x[:, :, i : i + weight.shape[2], j : j + weight.shape[3]]
        y[:, :, i, j] = np.tensordot(window, weight, ((1, 2, 3), (1, 2, 3))).real
    return y if bias is None else y + bias[:, np.newaxis, np.newaxis]


def python_numbers(x: Any, weight: Any, bias: Any = None) -> Any:
    """Convolve in Python's own numbers: its integers do not wrap around, and too large ones do not go back into the array."""
    (P, Q), taps = (x.shape[2 + i] - weight.shape[2 + i] + 1 for i in (0, 1)), list(np.ndindex(*weight.shape[1:]))
    if min(P, Q) < 1:
        raise ValueError("no window")
    image, filters, biases = x.tolist(), weight.tolist(), [0] * len(weight) if bias is None else bias.tolist()

    def cell(n: int, k: int, i: int, j: int) -> Any:
        return sum((image[n][c][i + r][j + s] * filters[k][c][r][s] for c, r, s in taps), start=biases[k])

    cells = [cell(*place) for place in np.ndindex(len(x), len(weight), P, Q)]
    return np.array(cells, x.dtype).reshape(len(x), len(weight), P, Q)


def float32_only(x: Any, weight: Any, bias: Any = None) -> Any:
    if x.dtype != np.float32:
        raise TypeError("float32, please")
    return plain_einsum(x, weight, bias)


@pytest.mark.parametrize("check", ["exact", "dtype", "integers", "float16", "complex", "errors", "valid", "inputs"])
@pytest.mark.parametrize("function", [plain_einsum, loops_in_float64, float32_only, python_numbers])
def test_who_does_not_know_the_contract_is_not_held_to_its_choices(check: str, function: Any) -> None:
    found = verdict(check, "conv2d", conv2d=function)
    assert found.verdict in ("passed", "unsupported"), found.failure


@pytest.mark.parametrize("check", ["float16", "errors"])
def test_who_speaks_its_language_is(check: str) -> None:
    def conv2d(x: Any, weight: Any, bias: Any = None, stride: int = 1, rounding: str = "exact") -> Any:
        if rounding == "exact" and any((x.shape[2 + i] - weight.shape[2 + i]) % stride for i in (0, 1)):
            raise ValueError("the windows do not tile")
        return plain_einsum(x, weight, bias, stride)

    assert verdict(check, "conv2d", conv2d=conv2d).verdict == "failed"


def test_a_result_without_cells_where_no_filter_fits_is_a_habit() -> None:
    def empty(x: Any, weight: Any) -> Any:
        P, Q = (max(x.shape[2 + i] - weight.shape[2 + i] + 1, 0) for i in (0, 1))
        return plain_einsum(x, weight) if P * Q else np.zeros((len(x), len(weight), P, Q))

    found = verdict("errors", "conv2d", conv2d=empty)
    assert found.verdict == "passed", found.failure
    assert "the window is 3x2, the image 2x1" in found.log.policies["accepts what the contract refuses"]


def test_numbers_where_no_filter_fits_are_not() -> None:
    def changed_places(x: Any, weight: Any) -> Any:
        if all(x.shape[2 + i] <= weight.shape[2 + i] for i in (0, 1)):
            return plain_einsum(weight, x).swapaxes(0, 1)
        return plain_einsum(x, weight)

    found = verdict("errors", "conv2d", conv2d=changed_places)
    assert found.verdict == "failed"
    assert "the window is 3x2, the image 2x2: must raise ValueError, but it returned shape (2, 6, 2, 1)" in str(found.failure)
