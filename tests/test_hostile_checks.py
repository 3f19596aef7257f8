"""The hostile checks: each finds what it is for, in words; and correct code passes."""

import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.lib.stride_tricks import as_strided

import naive
import vectorized
from verification.cases import Case
from verification.checks import CHECKS
from verification.implementation import Implementation
from verification.layouts import LAYOUTS, laid_out, repeated
from verification.runner import run_check

HOSTILE = ("layouts", "inputs", "state", "threads")


def outcome(check: str, operation: str = "conv2d", strict: bool = False, **functions: Callable[..., Any]) -> Any:
    return run_check(Implementation.of(SimpleNamespace(**functions), "mine", strict=strict), operation, CHECKS[check])


@pytest.mark.parametrize("module", [naive, vectorized])
@pytest.mark.parametrize("check", HOSTILE)
@pytest.mark.parametrize("operation", ["conv2d", "max_pool2d_backward"])
def test_correct_code_passes(module: Any, check: str, operation: str) -> None:
    found = run_check(Implementation.of(module, module.__name__, strict=True), operation, CHECKS[check])
    assert found.verdict == "passed", found


def form(array: Any) -> tuple[Any, ...]:
    """Return what tells an array from a plain one of the same values."""
    if not isinstance(array, np.ndarray):
        return (type(array),)
    return type(array), array.dtype, array.strides, array.flags.aligned, array.flags.writeable


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64])
def test_a_layout_keeps_the_values_and_its_source_makes_it(layout: Any, dtype: Any) -> None:
    x = np.arange(24).reshape(1, 2, 3, 4).astype(dtype)
    case = laid_out(Case("max_pool2d", {"x": x, "kernel_size": 2}, {}), layout)
    if case is None:
        assert layout.name == "nested lists"
        assert dtype == np.float32
        return
    made, written = case.arguments["x"], eval(case.sources["x"], {"np": np})
    assert np.array_equal(np.asarray(made), x)
    assert np.array_equal(np.asarray(written), x)
    assert form(made) == form(written) != form(x)


def test_a_row_that_repeats_one_value_has_a_stride_of_zero() -> None:
    case = repeated(Case("max_pool2d", {"x": np.arange(24.0).reshape(1, 2, 3, 4), "kernel_size": 2}, {}))
    assert case.arguments["x"].strides[-1] == 0
    assert np.array_equal(case.arguments["x"], eval(case.sources["x"], {"np": np}))


def contiguous(x: Any, weight: Any, bias: Any = None, **options: Any) -> Any:
    """Read memory as if x lay in it in plain order: wrong for views."""
    x = np.asarray(x)
    steps = np.cumprod([x.itemsize, *x.shape[:0:-1]])[::-1]
    fits = x.base is None or not isinstance(x.base, np.ndarray) or x.base.nbytes >= x.nbytes
    return vectorized.conv2d(as_strided(x, x.shape, tuple(map(int, steps))) if fits else x, weight, bias, **options)


def eight_bytes(x: Any, weight: Any, bias: Any = None, **options: Any) -> Any:
    """Take every item for eight bytes long in native order."""
    x = np.asarray(x)
    return vectorized.conv2d(x.view(x.dtype.newbyteorder("=")) if x.dtype.itemsize == 8 else x, weight, bias, **options)


def test_layouts_that_are_misread_are_found() -> None:
    found = outcome("layouts", conv2d=contiguous)
    assert found.verdict == "failed"
    assert "in plain arrays the same numbers come out right" in found.failure.message
    assert "its arrays are in the other byte order" in outcome("layouts", conv2d=eight_bytes).failure.message


def picky(x: Any, weight: Any, bias: Any = None, **options: Any) -> Any:
    if not isinstance(x, np.ndarray) or min(x.strides, default=0) < 0:
        raise RuntimeError("no negative strides, please")
    return vectorized.conv2d(x, weight, bias, **options)


def test_a_refused_layout_is_unsupported_unless_strict() -> None:
    found = outcome("layouts", conv2d=picky)
    assert found.verdict == "passed"
    assert any("with negative strides: RuntimeError" in reason for reason in found.log.unsupported)
    assert outcome("layouts", conv2d=picky, strict=True).verdict == "failed"


def pads_in_place(x: Any, weight: Any, bias: Any = None, **options: Any) -> Any:
    y = vectorized.conv2d(x, weight, bias, **options)
    if isinstance(x, np.ndarray) and x.size and x.flags.writeable:
        x[..., 0, 0] += 1
    return y


def returns_its_input(x: Any, kernel_size: Any, **options: Any) -> Any:
    y = vectorized.max_pool2d(x, kernel_size, **options)
    return x if isinstance(x, np.ndarray) and isinstance(y, np.ndarray) and np.array_equal(x, y) else y


class OneBuffer:
    """Return a view of the same memory at every call."""

    def __init__(self) -> None:
        self.memory = np.zeros(10**6)

    def conv2d(self, x: Any, weight: Any, bias: Any = None, **options: Any) -> Any:
        y = vectorized.conv2d(x, weight, bias, **options)
        kept = self.memory.astype(y.dtype, copy=False)[: y.size].reshape(y.shape) if y.dtype == self.memory.dtype else y
        kept[...] = y
        return kept


def test_inputs_and_results_that_are_shared_are_found() -> None:
    assert "x was changed by the call" in outcome("inputs", conv2d=pads_in_place).failure.message
    found = outcome("inputs", "max_pool2d", max_pool2d=returns_its_input)
    assert "y shares memory with the x given to the call" in found.failure.message
    assert "y shares memory with the y of a later call" in outcome("inputs", conv2d=OneBuffer().conv2d).failure.message


class Remembers:
    """Keep prepared filters, or whole results, by a key that forgets something."""

    def __init__(self, key: Callable[..., Any]) -> None:
        self.kept: dict[Any, Any] = {}
        self.key = key

    def conv2d(self, x: Any, weight: Any, bias: Any = None, **options: Any) -> Any:
        kept = self.kept.setdefault(self.key(x, weight), np.array(weight))
        return vectorized.conv2d(x, kept if kept.dtype == weight.dtype else weight, bias, **options)


def test_what_is_kept_from_call_to_call_is_found() -> None:
    by_shape = outcome("state", conv2d=Remembers(lambda _, w: np.shape(w)).conv2d).failure.message
    assert "(after a call of the same sizes)" in by_shape
    by_object = Remembers(lambda _, w: id(w))
    keep: list[Any] = []  # so that no two arrays of a test have the same id
    found = outcome(
        "state", conv2d=lambda x, weight, bias=None, **o: (keep.append(weight), by_object.conv2d(x, weight, bias, **o))[1]
    )
    assert "(the arrays of an earlier call, their numbers changed since)" in found.failure.message


def uninitialised(x: Any, weight: Any, bias: Any = None, **options: Any) -> Any:
    y = vectorized.conv2d(x, weight, bias, **options)
    if y.size < 2:
        return y
    dirty = np.empty_like(y)
    flat = dirty.reshape(-1)
    flat[:-1] = y.reshape(-1)[:-1]
    return dirty


def test_memory_that_nobody_wrote_to_is_found() -> None:
    assert outcome("state", conv2d=uninitialised).verdict == "failed"


class Racing:
    """Work in one scratch array without a lock."""

    def __init__(self) -> None:
        self.scratch: dict[Any, Any] = {}

    def conv2d(self, x: Any, weight: Any, bias: Any = None, **options: Any) -> Any:
        self.scratch["x"] = np.array(x)
        time.sleep(0.001)  # long enough for the other threads to come by
        try:
            return vectorized.conv2d(self.scratch["x"], weight, bias, **options)
        except (TypeError, ValueError):
            return vectorized.conv2d(x, weight, bias, **options)


def test_a_race_is_found() -> None:
    assert outcome("threads", conv2d=Racing().conv2d).verdict == "failed"
