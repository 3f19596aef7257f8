"""How "auto" chooses: by finite costs, of algorithms that can do the case, none of a weaker error class unless it may.

Nothing is computed here: an image is a single zero, seen as many times as its shape has cells.
"""

from math import isfinite
from typing import Any

import numpy as np
import pytest

import contract
from benchmarks.layers import LAYERS
from contract import Conv
from vectorized import ALGORITHMS, costs
from vectorized.conv import choose, output_shape

CONVOLUTIONS = [layer for layer in LAYERS if layer.operation == "conv2d"]
EXTREMES: dict[str, tuple[tuple[int, ...], tuple[int, ...], dict[str, Any]]] = {
    "no images": ((0, 3, 5, 7), (4, 3, 3, 3), {}),
    "no images of one cell": ((0, 1, 1, 1), (1, 1, 1, 1), {}),
    "one cell of everything": ((1, 1, 1, 1), (1, 1, 1, 1), {}),
    "one pixel, padded": ((1, 8, 1, 1), (8, 8, 3, 3), {"padding": 1}),
    "one filter": ((2, 64, 9, 9), (1, 64, 3, 3), {}),
    "one channel": ((2, 1, 9, 9), (64, 1, 3, 3), {}),
    "depthwise": ((1, 512, 4, 4), (512, 1, 3, 3), {"groups": 512, "padding": 1}),
    "depthwise 1x1": ((1, 512, 1, 1), (1024, 1, 1, 1), {"groups": 512}),
    "huge stride": ((1, 3, 9, 9), (4, 3, 3, 3), {"stride": (10**12, 2**64 + 1), "rounding": "floor"}),
    "huger than a float": ((1, 3, 9, 9), (4, 3, 1, 1), {"stride": 10**400, "rounding": "floor"}),
    "huge dilation of one tap": ((1, 3, 9, 9), (4, 3, 1, 1), {"dilation": 2**64 + 1}),
    "filter as large as the image": ((1, 3, 500, 400), (2, 3, 500, 400), {}),
    "one long row": ((1, 1, 1, 10**6), (1, 1, 1, 999), {}),
    "one long column": ((1, 1, 10**6, 1), (1, 1, 999, 1), {"stride": (7, 1), "rounding": "floor"}),
    "as many images as memory takes": ((10**6, 4, 4, 4), (4, 4, 3, 3), {"padding": 1}),
    "wider than deep": ((1, 10**5, 1, 1), (10**5, 10**5, 1, 1), {}),
}


def of(x: tuple[int, ...], weight: tuple[int, ...], options: dict[str, Any], dtype: Any = np.float32) -> Conv:
    """Return a convolution of these shapes, in no memory."""
    given = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1, "rounding": "exact", **options}
    image, filters = (np.broadcast_to(np.zeros((), dtype), shape) for shape in (x, weight))
    return contract.conv2d(image, filters, None, *given.values())


LAYER_CASES = [
    of(
        (layer.N, layer.C, layer.H, layer.W),
        (layer.K, layer.C // layer.groups, layer.R, layer.S),
        {
            "stride": layer.stride,
            "padding": layer.padding,
            "dilation": layer.dilation,
            "groups": layer.groups,
            "rounding": "floor",
        },
    )
    for layer in CONVOLUTIONS
]
EXTREME_CASES = [of(*sizes, dtype) for sizes in EXTREMES.values() for dtype in (np.float32, np.complex128, np.int8)]


def test_every_name_with_a_cost_is_an_algorithm() -> None:
    assert set(costs.COSTS) == set(ALGORITHMS)


@pytest.mark.parametrize("prepared", [False, True])
def test_auto_takes_what_can_do_the_case_and_no_weaker_error_class_unless_it_may(prepared: bool) -> None:
    weaker = 0
    for a in (*LAYER_CASES, *EXTREME_CASES):
        count = output_shape(a)[2:]
        full, fast = (choose(a, count, "auto", accuracy, prepared=prepared) for accuracy in ("full", "fast"))
        assert full.error_class == "gamma"
        assert full.refusal(a) is fast.refusal(a) is None
        weaker += fast.error_class != "gamma"
    assert weaker >= 5  # or else nothing was asked


@pytest.mark.parametrize("prepared", [False, True])
def test_every_cost_is_a_positive_number(prepared: bool) -> None:
    for a in (*LAYER_CASES, *EXTREME_CASES):
        shape = costs.shape(a, output_shape(a)[2:], prepared)
        for name in costs.COSTS:
            if ALGORITHMS[name].refusal(a) is None:
                assert isfinite(costs.cost(name, shape)), (name, shape)
                assert costs.cost(name, shape) > 0, (name, shape)


def test_the_cheapest_is_taken() -> None:
    for a in LAYER_CASES:
        count = output_shape(a)[2:]
        able = {n: costs.cost(n, costs.shape(a, count, False)) for n in costs.COSTS if ALGORITHMS[n].refusal(a) is None}
        assert choose(a, count, "auto", "fast") is ALGORITHMS[min(able, key=lambda name: able[name])]


def test_what_was_prepared_costs_no_more() -> None:
    for a in LAYER_CASES:
        fresh, ready = (costs.shape(a, output_shape(a)[2:], prepared) for prepared in (False, True))
        assert all(costs.cost(name, ready) <= costs.cost(name, fresh) for name in costs.COSTS)
    assert costs.cost("winograd4", ready) < costs.cost("winograd4", fresh)


CASE = of((2, 4, 6, 7), (6, 2, 3, 2), {"groups": 2, "padding": ((1, 0), (2, 1)), "stride": (1, 2)})
SHAPE = costs.Shape(
    N=2, C=4, K=6, G=2, taps=6, P=5, Q=5, pixels=70, width=10, itemsize=4, stride=(1, 2), prepared=True, cores=7
)


def test_the_numbers_that_decide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(costs, "workers", lambda: 7)
    assert costs.shape(CASE, (5, 5), prepared=True) == SHAPE
    assert costs.shape(CASE._replace(x=CASE.x[:0]), (5, 5), prepared=True) == SHAPE._replace(N=1)  # nothing is divided by zero


def test_the_formulas_of_a_product_and_a_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("MULTIPLY", 2), ("SMALL", 12), ("COPY", 3), ("RUN", 10)):
        monkeypatch.setattr(costs, name, value)
    assert costs.product(2, 3, 4, count=5) == 5 * (2 * 3 * 4) * 2 * (1 + 12 / 2 + 12 / 3 + 12 / 4)
    assert costs.copy(7, run=2) == 7 * (3 + 10 / 2)


def test_numpys_share_is_one_cores_or_shared_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(costs, "SHARING", 3)
    assert costs.Work(10, 4).time(1) == 10 + 4
    assert costs.Work(10, 4).time(2) == 10 / 2 + 4  # less than 14/2 + 3
    assert costs.Work(10, 40).time(2) == 50 / 2 + 3  # less than 10/2 + 40


@pytest.mark.parametrize(
    ("name", "multiplications"),  # of 3 filters and 2 channels in each of 2 groups, on 2 images
    [
        ("pointwise", 3 * 2 * (5 * 5) * 4),
        ("strips", 3 * (2 * 6) * (5 * 5) * 4),
        ("im2col", 3 * (2 * 6) * (5 * 5) * 4),
        ("flat", 3 * (2 * 6) * (5 * 5) * 4),  # a stride of two halves the rows of ten pixels
        ("shifted", 3 * 2 * (5 * 10) * 4 * 6),
        ("fft", 3 * 2 * (2 * 70) * 2 / 2 * 8),  # complex numbers for half of the pixels
        ("winograd2", 3 * 2 * (3 * 4) * 4 * 4**2),  # tiles of 4 by 4: 3 by 3 of them, and a column more
        ("winograd4", 3 * 2 * (2 * 3) * 4 * 6**2),
    ],
)
def test_how_many_multiplications_there_are(name: str, multiplications: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(costs, "MULTIPLY", 1)
    monkeypatch.setattr(costs, "SMALL", 0)
    assert costs.COSTS[name](SHAPE).product == pytest.approx(multiplications)
    for images in (1, 1000):  # in blocks or not
        assert costs.COSTS[name](SHAPE._replace(N=images)).product == pytest.approx(multiplications * images / 2)


def test_how_many_multiplications_the_way_back_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(costs, "MULTIPLY", 1)
    monkeypatch.setattr(costs, "SMALL", 0)
    assert costs.col2im(SHAPE).product == (2 * 6) * 3 * (5 * 5) * 4
