"""The prepared layer gives what the plain call gives, for every algorithm, from many threads, whatever came before."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import vectorized
from vectorized import ALGORITHMS, Conv2d

RNG = np.random.default_rng(0)


def integers(*shape: int) -> np.ndarray:
    return RNG.integers(-4, 5, shape).astype(np.float64)


@pytest.mark.parametrize("dtype", ["f8", "c8"])
@pytest.mark.parametrize("algorithm", ["auto", *ALGORITHMS])
def test_a_layer_is_the_plain_call(algorithm: str, dtype: str) -> None:
    size = 1 if algorithm == "pointwise" else 3
    weight, bias = integers(6, 2, size, size).astype(dtype), integers(6).astype(dtype)
    options = {"groups": 2, "padding": 0 if size == 1 else (1, 2), "algorithm": algorithm}
    layer = Conv2d(weight, bias, **options)
    for shape in ((3, 4, 9, 7), (4, 5, 12), (1, 4, 30, 3), (3, 4, 9, 7)):
        x = integers(*shape).astype(dtype)
        assert np.array_equal(layer(x), vectorized.conv2d(x, weight, bias, **options))


def test_dtypes_in_turn_share_no_scratch_by_mistake() -> None:
    weight = integers(3, 2, 3, 3)
    for dtype in (np.float32, np.int8, np.float16, np.complex64, object):
        layer = Conv2d(weight.astype(dtype), padding=1)
        for x in (integers(2, 2, 8, 8), integers(1, 2, 5, 6)):
            assert np.array_equal(layer(x.astype(dtype)), vectorized.conv2d(x.astype(dtype), weight.astype(dtype), padding=1))


def test_earlier_results_stay_and_the_weight_is_the_layers_own() -> None:
    weight = integers(3, 2, 3, 3)
    layer, x = Conv2d(weight), integers(1, 2, 8, 8)
    first = layer(x)
    expected = first.copy()
    weight[...] = 0
    assert np.array_equal(layer(x), expected)
    layer(integers(1, 2, 8, 8))
    assert np.array_equal(first, expected)


@pytest.mark.parametrize("algorithm", ["strips", "shifted", "winograd4"])
def test_many_threads_may_call_one_layer(algorithm: str) -> None:
    weight = integers(5, 4, 3, 3)
    layer = Conv2d(weight, padding=1, algorithm=algorithm)
    images = [integers(1, 4, 8 + i % 5, 9 + i % 3) for i in range(64)]
    expected = [vectorized.conv2d(x, weight, padding=1, algorithm=algorithm) for x in images]
    with ThreadPoolExecutor(8) as pool:
        for got, wanted in zip(pool.map(layer, images), expected, strict=True):
            assert np.array_equal(got, wanted)


def test_options_are_checked_as_in_the_plain_call() -> None:
    with pytest.raises(ValueError, match="algorithm must be one of 'auto', 'im2col'"):
        Conv2d(integers(1, 1, 2, 2), algorithm="magic")
    with pytest.raises(ValueError, match="accuracy must be one of 'full', 'fast', got 'low'"):
        Conv2d(integers(1, 1, 2, 2), accuracy="low")
    with pytest.raises(TypeError, match="stride must be an integer"):
        Conv2d(integers(1, 1, 2, 2), stride=1.5)(integers(1, 4, 4))
    with pytest.raises(NotImplementedError, match="'winograd2' takes 3x3 filters"):
        Conv2d(integers(1, 1, 2, 2), algorithm="winograd2")(integers(1, 4, 4))


def test_fast_takes_a_weaker_error_class_only_when_asked() -> None:
    x, weight = RNG.standard_normal((1, 256, 56, 56)), RNG.standard_normal((256, 256, 3, 3))
    given = {name: vectorized.conv2d(x, weight, algorithm=name) for name in ("strips", "flat", "winograd2", "winograd4")}
    plain, fast = vectorized.conv2d(x, weight), vectorized.conv2d(x, weight, accuracy="fast")
    assert any(np.array_equal(plain, given[name]) for name in ("strips", "flat"))
    assert any(np.array_equal(fast, given[name]) for name in ("winograd2", "winograd4"))
