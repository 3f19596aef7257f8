"""The prepared layer gives what the plain call gives, for every algorithm, from many threads, whatever came before."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

import vectorized
from samples import small_integers
from vectorized import ALGORITHMS, Conv2d


@pytest.mark.parametrize("dtype", ["f8", "c8"])
@pytest.mark.parametrize("algorithm", ["auto", *ALGORITHMS])
def test_a_layer_is_the_plain_call(algorithm: str, dtype: str) -> None:
    size = 1 if algorithm == "pointwise" else 3
    depth = 1 if algorithm == "channels_last" else 2
    weight, bias = small_integers((8, depth, size, size), dtype), small_integers((8,), dtype)
    options = {"groups": 4 // depth, "padding": 0 if size == 1 else (1, 2), "algorithm": algorithm}
    layer = Conv2d(weight, bias, **options)
    for i, shape in enumerate([(3, 4, 9, 7), (4, 5, 12), (1, 4, 30, 3), (3, 4, 9, 7)]):
        x = small_integers(shape, dtype, seed=i)
        assert np.array_equal(layer(x), vectorized.conv2d(x, weight, bias, **options))


def test_dtypes_in_turn_share_no_scratch_by_mistake() -> None:
    shapes = (3, 2, 3, 3), (2, 2, 8, 8), (1, 2, 5, 6)
    for dtype in (np.float32, np.int8, np.float16, np.complex64, object):
        weight, *images = (small_integers(shape, dtype) for shape in shapes)
        layer = Conv2d(weight, padding=1)
        for x in images:
            assert np.array_equal(layer(x), vectorized.conv2d(x, weight, padding=1))


def test_earlier_results_stay_and_the_weight_is_the_layers_own() -> None:
    weight, x, other = small_integers((3, 2, 3, 3)), small_integers((1, 2, 8, 8)), small_integers((1, 2, 8, 8), seed=1)
    layer = Conv2d(weight)
    first = layer(x)
    expected = first.copy()
    weight[...] = 0
    assert np.array_equal(layer(x), expected)
    layer(other)
    assert np.array_equal(first, expected)


@pytest.mark.parametrize("algorithm", ["strips", "shifted", "winograd4"])
def test_many_threads_may_call_one_layer(algorithm: str) -> None:
    weight = small_integers((5, 4, 3, 3))
    layer = Conv2d(weight, padding=1, algorithm=algorithm)
    images = [small_integers((1, 4, 8 + i % 5, 9 + i % 3), seed=i) for i in range(64)]
    expected = [vectorized.conv2d(x, weight, padding=1, algorithm=algorithm) for x in images]
    with ThreadPoolExecutor(8) as pool:
        for got, wanted in zip(pool.map(layer, images), expected, strict=True):
            assert np.array_equal(got, wanted)


def test_scratch_is_kept_from_call_to_call() -> None:
    x, weight = small_integers((1, 4, 8, 9)), small_integers((5, 4, 3, 3))
    layer = Conv2d(weight, algorithm="strips")
    assert np.array_equal(layer(x), vectorized.conv2d(x, weight))  # with the same defaults
    kept = dict(layer._scratch.kept)
    assert kept
    assert not layer._scratch.lent
    layer(x)
    assert all(layer._scratch.kept[name] is array for name, array in kept.items())


@pytest.mark.parametrize("algorithm", ["strips", "flat", "lines", "shifted", "winograd4"])
def test_the_handler_of_a_signal_may_call_the_layer_that_it_interrupts(algorithm: str, monkeypatch: pytest.MonkeyPatch) -> None:
    weight, x, other = small_integers((5, 4, 3, 3)), small_integers((1, 4, 8, 9)), small_integers((1, 4, 8, 9), seed=1)
    layer, real = Conv2d(weight, padding=1, algorithm=algorithm), np.matmul
    expected, within = layer(x), []

    def interrupted(*arguments: Any, **options: Any) -> Any:
        if not within:
            within.append(None)
            within.append(layer(other))
        return real(*arguments, **options)

    monkeypatch.setattr(np, "matmul", interrupted)
    assert np.array_equal(layer(x), expected)
    monkeypatch.undo()
    assert np.array_equal(within[1], layer(other))


def test_options_are_checked_as_in_the_plain_call() -> None:
    x, weight = small_integers((1, 4, 4)), small_integers((1, 1, 2, 2))
    with pytest.raises(ValueError, match="algorithm must be one of 'auto', 'im2col'"):
        Conv2d(weight, algorithm="magic")
    with pytest.raises(ValueError, match="accuracy must be one of 'full', 'fast', got 'low'"):
        Conv2d(weight, accuracy="low")
    with pytest.raises(TypeError, match="stride must be an integer"):
        Conv2d(weight, stride=1.5)(x)
    with pytest.raises(NotImplementedError, match="'winograd2' takes 3x3 filters"):
        Conv2d(weight, algorithm="winograd2")(x)


def test_fast_takes_a_weaker_error_class_only_when_asked() -> None:
    rng = np.random.default_rng(0)
    x, weight = rng.standard_normal((1, 256, 56, 56)), rng.standard_normal((256, 256, 3, 3))
    given = {name: vectorized.conv2d(x, weight, algorithm=name) for name in ("strips", "flat", "winograd2", "winograd4")}
    plain, fast = vectorized.conv2d(x, weight), vectorized.conv2d(x, weight, accuracy="fast")
    assert any(np.array_equal(plain, given[name]) for name in ("strips", "flat"))
    assert any(np.array_equal(fast, given[name]) for name in ("winograd2", "winograd4"))
