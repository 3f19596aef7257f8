"""The benchmark's judge: who is right passes, and whoever is a little more than the bound away does not."""

import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import vectorized
from benchmarks.contestants import as_arrays, inputs, prepare
from benchmarks.judge import WEAKER, error_over_bound, gamma, judge, terms
from benchmarks.layers import Layer, conv, pool

JUDGED = [
    conv("Test: plain", 3, 7, 4, 3, 2, 1, N=2),
    conv("Test: grouped", 4, 6, 6, 3, 1, 2, dilation=2, groups=2),
    replace(conv("Test: plain", 3, 7, 4, 3, 2, 1, N=2), operation="conv2d_backward"),
    replace(conv("Test: grouped", 4, 6, 6, 2, 1, 1, groups=2, W=5), operation="conv2d_backward"),
    pool("Test: max", 3, 7, 3, 2, 1),
    pool("Test: floor", 3, 8, 3, 2),
    pool("Test: mean", 3, 7, 3, 2, 1, average=True),
    replace(pool("Test: places", 3, 7, 3, 2, 1), operation="max_pool2d_indices"),
    replace(pool("Test: winners", 3, 7, 3, 1, 1), operation="max_pool2d_backward"),
    replace(pool("Test: shares", 3, 7, 3, 1, 1, average=True), operation="avg_pool2d_backward"),
]


def naive(layer: Layer, arrays: dict[str, Any]) -> list[Any]:
    """Return what the reference gives."""
    prepared = prepare("naive", layer, arrays)
    assert prepared is not None
    return as_arrays(prepared[0]())


def verdict(layer: Layer, dtype: str, folder: Path) -> list[Any]:
    """Return what the judge saves."""
    judge(layer, dtype, 1, str(folder / "verdict.npz"))
    with np.load(folder / "verdict.npz") as saved:
        return list(saved.values())


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("layer", JUDGED, ids=lambda layer: f"{layer.operation}-{layer.name}")
def test_the_judge_passes_who_is_right_and_no_other(layer: Layer, dtype: str, tmp_path: Path) -> None:
    right = verdict(layer, dtype, tmp_path)
    assert len(right) == 2 * len(terms(layer)) + 1
    results = {}
    for name in ("naive", "vectorized", "tensordot", "product", "torch"):
        prepared = prepare(name, layer, inputs(layer, dtype, 1))
        if prepared is None:
            able = {"tensordot": ("conv2d", "max_pool2d", "avg_pool2d"), "product": ("conv2d",)}
            assert layer.operation not in able[name]
            continue
        results[name] = as_arrays(prepared[0]())
        ratio, wrong = error_over_bound(results[name], right, dtype)
        assert wrong == ""
        assert ratio < 1
        exact = layer.operation in ("max_pool2d", "max_pool2d_indices")
        assert (ratio == 0) == exact or dtype == "float64"  # torch is judged by itself there, others may add as it does
    for i, (place, bound) in enumerate(zip(right[: len(right) // 2], right[len(right) // 2 :], strict=False)):
        bad = [array.copy() for array in results["naive"]]
        limits = np.broadcast_to(bound, place.shape)
        cell = np.unravel_index(int(np.argmax(limits + abs(place))), place.shape)  # a gradient of nobody's has no error
        beyond = 1.5 * limits[cell] + abs(place[cell]) * np.finfo(dtype).eps * 2
        bad[i][cell] = place[cell] + (1 if bad[i].dtype.kind == "i" else beyond)
        ratio, wrong = error_over_bound(bad, right, dtype)
        assert ratio > 1
        assert f"{list(map(int, cell))} is" in wrong


def test_a_function_takes_part_in_layers_whose_options_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    def conv2d(x: Any, weight: Any, bias: Any, *, padding: Any = 0) -> Any:
        return vectorized.conv2d(x, weight, bias, padding=padding)

    monkeypatch.setitem(sys.modules, "student", SimpleNamespace(conv2d=conv2d))
    for layer, able in ((conv("Test: padded", 2, 5, 2, 3, 1, 1), True), (conv("Test: stride", 2, 5, 2, 3, 2, 1), False)):
        assert (prepare("student", layer, inputs(layer, "float32", 1)) is not None) == able
    assert prepare("student:fast", conv("Test: padded", 2, 5, 2, 3, 1, 1), inputs(layer, "float32", 1)) is None


def test_the_judge_refuses_other_shapes_dtypes_counts_and_nan(tmp_path: Path) -> None:
    right = verdict(JUDGED[0], "float32", tmp_path)
    (y,) = naive(JUDGED[0], inputs(JUDGED[0], "float32", 1))
    nan = y.copy()
    nan[0, 0, 0, 0] = np.nan
    for bad, words in [
        ([y[:1]], "y has shape (1, 4, 4, 4) and dtype float32 instead of (2, 4, 4, 4) and float32"),
        ([y.astype(np.float64)], "dtype float64 instead of"),
        ([y, y], "2 results instead of 1"),
        ([nan], "y[0, 0, 0, 0] is nan instead of"),
    ]:
        ratio, wrong = error_over_bound(bad, right, "float32")
        assert ratio == np.inf
        assert words in wrong


def test_the_last_gradient_too_must_have_its_shape(tmp_path: Path) -> None:
    right = verdict(JUDGED[2], "float32", tmp_path)
    *others, grad_bias = naive(JUDGED[2], inputs(JUDGED[2], "float32", 1))
    _, wrong = error_over_bound([*others, grad_bias[:, np.newaxis]], right, "float32")
    assert wrong == "grad_bias has shape (4, 1) and dtype float32 instead of (4,) and float32"


def test_an_algorithm_is_judged_in_the_class_that_it_declares(tmp_path: Path) -> None:
    layer = conv("Test: plain", 8, 12, 8, 3, 1, 1)
    right = verdict(layer, "float32", tmp_path)
    gamma_bound, weaker = right[1], dict(zip(WEAKER, right[2], strict=True))
    for error_class, bound in weaker.items():
        assert bound > gamma_bound.max()
        y = (right[0] + 0.9 * bound).astype(np.float32)
        assert error_over_bound([y], right, "float32", "gamma")[1] != ""
        ratio, wrong = error_over_bound([y], right, "float32", error_class)
        assert wrong == ""
        assert ratio > 1  # over the bound of a plain sum
        y = (right[0] + 1.1 * bound).astype(np.float32)
        assert error_over_bound([y], right, "float32", error_class)[1] != ""


def test_the_bound_is_gamma_of_the_terms() -> None:
    assert terms(JUDGED[0]) == (3 * 3 * 3 + 1,)  # the products and the bias
    assert terms(JUDGED[3]) == (3 * 2 * 2 + 1, 7 * 6 + 1, 7 * 6 + 1)  # filters of a group × taps; output cells
    assert terms(JUDGED[6]) == (3 * 3 + 1,)
    assert gamma(28, "float32") == 28 * 2**-24 / (1 - 28 * 2**-24)


@pytest.mark.parametrize("layer", [JUDGED[0], JUDGED[6]], ids=lambda layer: layer.name)
def test_the_bound_is_of_the_magnitudes(layer: Layer, tmp_path: Path) -> None:
    _, bound, _ = verdict(layer, "float32", tmp_path)
    arrays = {name: np.abs(array.astype(np.float64)) for name, array in inputs(layer, "float32", 1).items()}
    (magnitudes,) = naive(layer, arrays)
    theirs, own = (gamma(terms(layer)[0], dtype) for dtype in ("float32", "float64"))
    assert (theirs * magnitudes < bound).all()
    # on top comes the judge's own error, and that of the magnitudes, there and here
    assert (bound < (theirs + own) * (1 + own) / (1 - own) ** 2 * magnitudes).all()


def test_a_convolution_without_a_bias_gets_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def plain(x: Any, weight: Any, *, stride: Any, padding: Any) -> Any:
        return vectorized.conv2d(x, weight, stride=stride, padding=padding)

    def twice(x: Any, weight: Any, bias: Any, *, stride: Any, padding: Any) -> Any:
        return vectorized.conv2d(x, weight, 2 * bias, stride=stride, padding=padding)

    x, weight, bias = inputs(JUDGED[0], "float64", 1).values()
    options = {"stride": 2, "padding": 1}
    added = plain(x, weight, **options) + bias[:, np.newaxis, np.newaxis]
    for function, due in ((plain, added), (twice, twice(x, weight, bias, **options))):
        monkeypatch.setitem(sys.modules, "someones", SimpleNamespace(conv2d=function))
        prepared = prepare("someones", JUDGED[0], inputs(JUDGED[0], "float64", 1))
        assert prepared is not None
        np.testing.assert_array_equal(prepared[0](), due)
