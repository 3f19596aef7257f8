"""How "auto" chooses: by finite costs, of algorithms that can do the case, none of a weaker error class unless it may.

Nothing is computed here: an image is a single zero, seen as many times as its shape has cells.
"""

from collections.abc import Callable
from math import isfinite, log2
from typing import Any

import numpy as np
import pytest

import contract
from benchmarks.layers import LAYERS
from contract import Conv
from vectorized import ALGORITHMS, costs, strips
from vectorized.conv import choose, output_shape
from vectorized.costs import SPILLED, SPREAD

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
CASE = of((2, 4, 6, 7), (6, 2, 3, 2), {"groups": 2, "padding": ((1, 0), (2, 1)), "stride": (1, 2)})
SIZES = {"N": 2, "C": 4, "K": 6, "G": 2, "R": 3, "S": 2, "P": 5, "Q": 5, "pixels": 70, "width": 10, "bare": 7, "itemsize": 4}
SHAPE = costs.Shape(**SIZES, stride=(1, 2), dilation=(1, 1), prepared=True, cores=7)
FRESH = SHAPE._replace(prepared=False)


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
    assert costs.cost("winograd4", SHAPE) < costs.cost("winograd4", FRESH)


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


CONSTANTS = ("MULTIPLY", "SMALL", "COPY", "RUN", "SCATTERED", "ADD", "SHORT", "FUSED", "STEP", "DOT", "BEGIN", "TURNED", "CALL")
UNIT = SHAPE._replace(stride=(1, 1))


def rounded(value: float) -> Any:
    """Return what equals a value but for the rounding of fewer than sixteen sums and products of positive numbers."""
    return pytest.approx(value, rel=16 * 2**-53, abs=0)


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Return what lets one constant be 1 and all others 0: so a cost is a count. Values by themselves cost as runs of 5."""
    monkeypatch.setattr(costs, "DEALT", 5)

    def let(one: str) -> None:
        for name in CONSTANTS:
            monkeypatch.setattr(costs, name, int(name == one))

    return let


@pytest.mark.parametrize(
    ("name", "multiplications"),  # of 3 filters and 2 channels in each of 2 groups, on 2 images
    [
        ("pointwise", 3 * 2 * (5 * 5) * 4),
        ("strips", 3 * (2 * 6) * (5 * 5) * 4),
        ("im2col", 3 * (2 * 6) * (5 * 5) * 4),
        ("flat", 3 * (2 * 6) * (5 * 5) * 4),  # a stride of two makes four of seven pixels: windows are more
        ("lines", (3 * 3) * (2 * 2) * (7 * 5) * 4),  # of all lines with seven rows of pixels
        ("channels_last", 0),  # no product of matrices
        ("shifted", 3 * 2 * (5 * 10) * 4 * 6),
        ("fft", 3 * 2 * (2 * 70) * 2 / 2 * 8),  # complex numbers for half of the pixels
        ("winograd2", 3 * 2 * (3 * 4) * 4 * 4**2),  # tiles of 4 by 4: 3 by 3 of them, and a column more
        ("winograd4", 3 * 2 * (2 * 3) * 4 * 6**2),
    ],
)
def test_how_many_multiplications_there_are(name: str, multiplications: int, alone: Callable[[str], None]) -> None:
    alone("MULTIPLY")
    assert costs.COSTS[name](SHAPE).product == multiplications
    for images in (1, 1000):  # in blocks or not
        assert costs.COSTS[name](SHAPE._replace(N=images)).product == multiplications * images / 2


@pytest.mark.parametrize(
    ("name", "values", "runs"),
    [
        ("pointwise", 2 * 4 * 25, 2 * 4 * 25 / 5),
        ("strips", 2 * 4 * (70 + 6 * 25), 2 * 4 * (70 / 5 + 6 * 5)),  # padded pixels one by one, and columns
        ("im2col", 2 * 4 * (70 + 6 * 25), 2 * 4 * (70 / 5 + 6 * 5)),
        ("flat", 2 * 4 * (50 + 6 * 25), 2 * 4 * (50 / 5 + 6)),  # of the pixels, two planes of five rows are read
        ("lines", 2 * 4 * (70 + 2 * 7 * 5), 2 * 4 * (70 / 5 + 2 + 2 * 2)),  # zeros at both ends, too
        ("channels_last", 0, 0),
        ("shifted", 2 * 4 * 70 + 2 * 6 * 25, 2 * 4 * 70 / 5 + 2 * 6 * 5),
        ("fft", 0, 0),
        ("winograd2", SPILLED * (2 * (4 * 70 + 6 * 25) + 4 * 16 * 24), SPILLED * (2 * (4 * 70 + 6 * 25) / 5 + 2 * 4 * 16)),
        ("winograd4", SPILLED * (2 * (4 * 70 + 6 * 25) + 4 * 36 * 12), SPILLED * (2 * (4 * 70 + 6 * 25) / 5 + 2 * 4 * 36)),
    ],
)
def test_how_many_values_are_copied_in_how_many_runs(name: str, values: int, runs: float, alone: Callable[[str], None]) -> None:
    alone("COPY")
    assert costs.COSTS[name](SHAPE).rest == values
    alone("RUN")
    assert costs.COSTS[name](SHAPE).rest == runs


def test_without_a_stride_pixels_are_copied_in_rows_or_not_at_all(alone: Callable[[str], None]) -> None:
    alone("RUN")
    assert costs.strips(UNIT).rest == 2 * 4 * (7 + 6 * 5)  # 70 pixels in rows of ten
    alone("COPY")
    assert costs.pointwise(UNIT).rest == 0


@pytest.mark.parametrize(
    ("name", "calls", "more"),  # a block for each image or for all; and in blocks of 480 bytes
    [
        ("pointwise", 2, 2),
        ("strips", 1, 2 * 4 * 6 * 25 * 4 / 480),
        ("im2col", 1 - 1 / 2, 2 * 4 * 6 * 25 * 4 / 480 - 1 / 2),
        ("flat", 3 * 2, 3 * (2 * 4 * 6 * 25 * 4 / 480)),  # taps of two columns in turn make two planes
        # a third for each tap of a line; where a block is a row, each line has a plane of its own
        ("lines", (2 + 2 / 3) * 2, (1 + 3 * (1 + 2 / 3)) * (2 * (4 * 2 * 3 + 6 * 3) * 5 * 5 * 4 / 480)),
        ("channels_last", 3, 3 * (2 * (4 * 70 + 6 * 25) * 4 / 480)),
        ("shifted", 2 * 6, 2 * 6),
        ("fft", 4, 4),
        ("winograd2", SPILLED * 10 * 2, SPILLED * 10 * (24 * 16 * (4 + 6) * 4 / (2 * 480))),
        ("winograd4", SPILLED * 10 * 2, SPILLED * 10 * (12 * 36 * (4 + 6) * 4 / (2 * 480))),
    ],
)
def test_how_many_calls_there_are(
    name: str, calls: float, more: float, alone: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    alone("CALL")
    assert costs.COSTS[name](SHAPE).rest == rounded(calls)
    monkeypatch.setattr(costs, "STRIP_BYTES", 480)
    assert costs.COSTS[name](SHAPE).rest == rounded(more)


@pytest.mark.parametrize(
    ("name", "constant", "count", "once"),  # once: of filters that are not ready
    [
        ("shifted", "ADD", 2 * 6 * (5 * 10) * 6, 0),
        ("fft", "ADD", 2 * (4 + 6) * 70 * 5 * log2(70), 6 * 2 * 70 * 5 * log2(70)),
        ("winograd2", "MULTIPLY", SPILLED * 2 * (4 * 16 + 6 * 4) * 16 * 24, SPILLED * 9 * 6 * 2 * 16),
        ("winograd4", "MULTIPLY", SPILLED * 2 * (4 * 36 + 6 * 16) * 36 * 12, SPILLED * 9 * 6 * 2 * 36),
        ("lines", "ADD", 2 * 6 * 3 * (5 * 5), 0),
        ("lines", "SHORT", 2 * 6 * 3, 0),
        ("lines", "SCATTERED", 2 * 4 * 2 * 7 * 3 / 2, 0),
        ("channels_last", "FUSED", 2 * 6 * 25 * 6, 0),
        ("channels_last", "STEP", 2 * 6 * 25 * 6 / 4, 0),  # four channels a step
        ("channels_last", "TURNED", 2 * (4 * 70 + 6 * 25), 0),
        ("flat", "SCATTERED", 2 * 4 * 6 * 5 * 3 / 2, 0),  # three columns of padding, of which a tap meets half
        ("winograd2", "SCATTERED", 0, SPILLED * 6 * 2 * 16),
        ("winograd4", "SCATTERED", 0, SPILLED * 6 * 2 * 36),
    ],
)
def test_what_else_is_counted(name: str, constant: str, count: float, once: float, alone: Callable[[str], None]) -> None:
    alone(constant)
    assert costs.COSTS[name](SHAPE).rest == count
    assert costs.COSTS[name](FRESH).rest == rounded(count + once)


def test_flat_rows_of_more_pixels_than_windows_cost_more_and_are_copied(alone: Callable[[str], None]) -> None:
    wide = SHAPE._replace(bare=11)  # six of them with a stride of two
    for name, flat in (("COPY", 2 * 4 * (60 + 6 * 5 * 6) + 2 * 6 * 25), ("RUN", 2 * 4 * (60 / 5 + 6) + 2 * 6 * 5)):
        alone(name)
        assert costs.flat(wide).rest == flat
    alone("MULTIPLY")
    assert costs.flat(wide).product == 3 * (2 * 6) * (5 * 6) * 4


def test_lines_of_a_stride_are_in_planes_and_their_sums_are_written(alone: Callable[[str], None]) -> None:
    alone("ADD")
    assert costs.lines(SHAPE).product == 2 * (2 * 6 * 3 * 7 * 5)
    strided = SHAPE._replace(stride=(2, 2))  # five rows for two lines, and six for one
    assert costs.lines(strided).product == 2 * (2 * 6 * 3 * (5 + 6) / 2 * 5)
    alone("CALL")
    assert costs.lines(strided).rest == rounded(2 * (1 + 2 * (1 + 2 / 3)))
    assert costs.flat(strided).rest == 2 * (1 + 2 * 2)
    alone("RUN")
    assert costs.lines(strided).rest == 2 * 4 * (70 / 5 + 2 + 2 * 2 * 2)


@pytest.mark.parametrize(
    ("stride", "dilation", "rows", "planes"),  # of three lines and five windows
    [
        (1, 2, 5 + 4, 1),
        (1, 3, 3 * 5, 3),
        (2, 2, 5 + 2, 1),
        (2, 4, 5 + 4, 1),
        (2, 6, 3 * 5, 3),
        (2, 3, 2 * 5 + 3, 2),
        (2, 7, 3 * 5, 3),
    ],
)
def test_lines_that_reach_far_have_planes_of_their_own(
    stride: int, dilation: int, rows: int, planes: int, alone: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    far = SHAPE._replace(stride=(stride, 1), dilation=(dilation, 1), bare=5, width=5)  # five windows fill a row
    alone("MULTIPLY")
    assert costs.lines(far).product == 2 * 6 * 3 * (rows / planes) * 5 * 4
    whole = far._replace(dilation=(2 * stride, 1), P=4)  # the last line reads as many rows further down as there are windows
    assert costs.lines(whole).product == 2 * 6 * 3 * (4 + 4) * 5 * 4
    monkeypatch.setattr(costs, "STRIP_BYTES", 4 * (2 * 2 + 3 * 3) * 5 * 4)  # four such rows are a block
    assert costs.lines(whole._replace(P=6)).product == 2 * 6 * 3 * (6 + 4) * 5 * 4
    monkeypatch.setattr(costs, "STRIP_BYTES", 4 * (2 * 2 + 3 * 3) * 5 * 4 - 1)  # three are
    assert costs.lines(whole._replace(P=6)).product == 2 * 6 * 3 * 6 * 5 * 4
    monkeypatch.setattr(costs, "STRIP_BYTES", 1)  # one is
    assert costs.lines(whole._replace(R=1)).product == 2 * 6 * 1 * 4 * 5 * 4
    monkeypatch.setattr(costs, "STRIP_BYTES", strips.STRIP_BYTES)
    alone("RUN")
    assert costs.lines(far).rest == 2 * 4 * (min(70, rows * 5) / (rows * 5) + 2 + 2 * 2 * planes)


def test_pixels_that_fill_flat_rows_are_one_run_and_no_more_wraps_than_a_row(alone: Callable[[str], None]) -> None:
    for bare, run in ((5, 3 * 5), (4, 4), (6, 3 * 6)):  # three lines read fifteen rows
        shape = UNIT._replace(bare=bare)
        alone("RUN")
        assert costs.dealt(shape, max(5, bare), 3) == rounded(2 * 4 * 3 * max(5, bare) / run)
    alone("COPY")
    assert costs.dealt(UNIT, 5, 3) == 2 * 4 * 15
    assert costs.dealt(UNIT, 5, 99) == 2 * 4 * 70  # there are no more
    alone("SCATTERED")
    narrow = UNIT._replace(width=99, bare=5)
    assert costs.flat(narrow).rest == 2 * 4 * 6 * 5 * 5
    assert costs.lines(narrow).rest == 2 * 4 * 2 * 7 * 5


def test_columns_of_single_windows_are_copied_down_the_image(alone: Callable[[str], None]) -> None:
    alone("RUN")
    assert costs.strips(UNIT._replace(Q=1)).rest == 2 * 4 * (7 + 6 * 1)  # five windows below each other
    assert costs.strips(UNIT._replace(Q=2)).rest == 2 * 4 * (7 + 6 * 5)


def test_lines_of_dense_layers_and_of_wide_images_cost_more(alone: Callable[[str], None]) -> None:
    alone("MULTIPLY")
    assert costs.lines(SHAPE._replace(G=1)).product == SPREAD * 2 * costs.lines(SHAPE).product
    alone("CALL")
    assert costs.lines(SHAPE._replace(G=1)).rest == SPREAD * costs.lines(SHAPE).rest
    alone("COPY")
    assert costs.lines(SHAPE._replace(bare=11)).rest == 2 * 4 * (70 + 2 * 7 * 6) + 2 * 6 * 25


@pytest.mark.parametrize(
    ("shape", "rows", "columns", "wide", "planes"),  # rows and columns of all planes of a channel
    [
        (SHAPE, 5 + 2, 2 * 5, 5, 2),  # dealt to two planes, each for one tap across
        (SHAPE._replace(S=3), 5 + 2, 2 * 6, 6, 2),  # one of them for two
        (SHAPE._replace(stride=(2, 2)), 2 * 5 + 1, 2 * 5, 5, 4),
        (UNIT, 5 + 2, 5 + 1, 6, 1),
        (UNIT._replace(dilation=(1, 2)), 5 + 2, 5 + 2, 7, 1),
        (UNIT._replace(dilation=(2, 1), S=1), 5 + 4, 5, 5, 1),
    ],
)
def test_dots_are_of_rows_with_their_padding(
    shape: costs.Shape, rows: int, columns: int, wide: int, planes: int, alone: Callable[[str], None], monkeypatch: Any
) -> None:
    pixels, results, taps = 2 * 4 * rows * columns, 2 * 6 * 5 * wide, shape.R * shape.S
    runs = pixels / (5 if shape.stride[1] > 1 else wide) + results / wide
    counts = {"COPY": pixels + results, "RUN": runs, "DOT": results * taps, "BEGIN": 2 * 6 * taps, "CALL": 1 + 2 * planes}
    for name, count in counts.items():
        alone(name)
        assert costs.dots(shape) == (0, rounded(count)), name
        assert costs.cost("dots", shape._replace(cores=1)) == rounded(count)
    alone("CALL")
    monkeypatch.setattr(costs, "STRIP_BYTES", 480)  # a plane of pixels at a time, and the results
    assert costs.dots(shape).rest == rounded((1 + 2 * planes) * (pixels / planes + results) * 4 / 480)


def test_in_blocks_there_are_fewer_channels_next_to_each_other(
    alone: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    alone("STEP")
    monkeypatch.setattr(costs, "STRIP_BYTES", 480)
    assert costs.channels_last(SHAPE).rest == rounded(2 * 6 * 25 * 6 / (2 * 4 / (2 * (4 * 70 + 6 * 25) * 4 / 480)))


@pytest.mark.parametrize(("nbytes", "columns", "count"), [(2**20, 25, 2 * 2), (480, 5, 2 * 2 * 5)])
def test_a_product_of_strips_is_an_image_or_a_block(
    nbytes: int, columns: int, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(costs, "STRIP_BYTES", nbytes)
    monkeypatch.setattr(costs, "product", lambda *sizes: sizes)
    assert costs.strips(SHAPE).product == (3, 2 * 6, columns, count)


def test_im2col_costs_twice_as_much_as_strips_where_columns_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    nbytes = 2 * 4 * 6 * 25 * 4
    monkeypatch.setattr(costs, "ONCE_BYTES", nbytes)
    assert sum(costs.im2col(SHAPE)) < sum(costs.strips(SHAPE))
    monkeypatch.setattr(costs, "ONCE_BYTES", nbytes - 1)
    assert sum(costs.im2col(SHAPE)) == rounded(2 * sum(costs.strips(SHAPE)))


def test_what_the_way_back_has_to_do(alone: Callable[[str], None], monkeypatch: pytest.MonkeyPatch) -> None:
    columns = 2 * 4 * 6 * 25
    alone("MULTIPLY")
    assert costs.col2im(SHAPE).product == (2 * 6) * 3 * (5 * 5) * 4
    counts = {"SCATTERED": 2 * columns / 3, "ADD": columns, "RUN": columns / 5, "CALL": 6 / 4}  # products of three terms
    for strided, shape in ((False, UNIT), (True, SHAPE)):
        for name, count in counts.items():
            alone(name)
            assert costs.col2im(shape).rest == count, (strided, name)
        counts |= {"SCATTERED": counts["SCATTERED"] + columns, "ADD": 0, "RUN": 0}  # what is added goes one by one
    monkeypatch.setattr(costs, "STRIP_BYTES", 480)
    assert costs.col2im(SHAPE).rest == columns * 4 / 480 * 6 / 4


def test_what_is_to_be_turned_round_on_the_way_back(alone: Callable[[str], None]) -> None:
    for name, filters, cells in (("SCATTERED", 6 * 2 * 6, 0), ("COPY", 0, 2 * 6 * 25), ("RUN", 0, 2 * 6 * 25 / 5)):
        alone(name)
        assert costs.turn(SHAPE, stride=(1, 1)) == filters
        assert costs.turn(SHAPE, stride=(1, 2)) == filters + cells
