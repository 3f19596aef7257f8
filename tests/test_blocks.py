"""At the edges of blocks every path gives what naive gives, and in scratch memory full of NaN the same to the bit."""

from itertools import product
from typing import Any

import numpy as np
import pytest

import contract
import naive
import vectorized
from blocks import BENT, EDGES, FILTERS_LINES, PADDED, PLAIN, Edge, check, convolution, of_dtype, run
from samples import small_integers
from vectorized import ALGORITHMS, blocks, filters, flat, lines, pointwise, strips

Shape = tuple[int, ...]
each_edge = pytest.mark.parametrize("edge", EDGES, ids=[edge.name for edge in EDGES])
EXACT = [edge for edge in EDGES if edge.algorithm not in ("fft", "winograd2", "winograd4") and "mean" not in edge.name]


def test_every_algorithm_is_there() -> None:
    assert {edge.algorithm for edge in EDGES} == {"", *ALGORITHMS}
    assert len({edge.case.operation for edge in EDGES}) == 8


def test_all_is_one_block_where_it_fits_and_one_thread_does_it() -> None:
    assert blocks.even_blocks(3, 4, 2, most=24, threads=1) == [(slice(0, 3), slice(0, 4))]
    assert blocks.even_blocks(3, 4, 2, most=23, threads=1) == [(slice(0, 2), slice(0, 4)), (slice(2, 3), slice(0, 4))]
    assert blocks.even_blocks(2, 4, 2, most=99, threads=2) == [(slice(n, n + 1), slice(0, 4)) for n in (0, 1)]
    assert blocks.even_blocks(0, 4, 2, most=99, threads=1) == []


@pytest.mark.parametrize(
    ("images", "rows", "row_bytes", "most", "number", "expected"),
    [
        (9, 4, 1, 8, 1, (2, 1)),  # two images fit
        (9, 4, 1, 7, 1, (1, 1)),
        (9, 4, 1, 99, 2, (5, 1)),  # all fit, for two threads
        (2, 4, 1, 4, 2, (1, 1)),  # one just fits, and there is one for each thread
        (2, 4, 1, 3, 2, (1, 2)),  # none fits
        (3, 4, 1, 3, 3, (1, 2)),  # halves will do: there is an image for each thread
        (2, 5, 1, 99, 3, (1, 3)),  # fewer images than threads
        (2, 9, 1, 2, 3, (1, 5)),
        (1, 9, 1, 2, 3, (1, 6)),  # as many pieces of one image for each thread
        (1, 3, 1, 1, 2, (1, 3)),  # but no more than rows
        (1, 5, 9, 2, 1, (1, 5)),  # a row is more than a block
    ],
)
def test_how_large_a_block_is(
    images: int, rows: int, row_bytes: int, most: int, number: int, expected: tuple[int, int]
) -> None:
    assert blocks.block_size(images, rows, row_bytes, most, number) == expected


def test_nothing_is_cut_into_no_pieces() -> None:
    assert blocks.cut(0, 3) == []


@each_edge
def test_at_the_edge_of_a_block(edge: Edge, monkeypatch: pytest.MonkeyPatch) -> None:
    counts = edge.shrink(monkeypatch)
    got = run(edge.case, edge.algorithm)
    assert counts == edge.blocks  # or else this is no edge
    check(edge.case, got, edge.algorithm)


def poison(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fill every array that comes without values, scratch memory or ``np.empty``, with NaN, or the largest integer."""
    take, empty = filters.Scratch.take, np.empty

    def full(array: np.ndarray) -> np.ndarray:
        if array.dtype != object:
            array.fill(np.iinfo(array.dtype).max if array.dtype.kind in "iu" else np.nan)
        return array

    monkeypatch.setattr(filters.Scratch, "take", lambda *a: full(take(*a)))
    monkeypatch.setattr(np, "empty", lambda *a, **o: full(empty(*a, **o)))


@each_edge
def test_scratch_full_of_nan(edge: Edge, monkeypatch: pytest.MonkeyPatch) -> None:
    edge.shrink(monkeypatch)
    clean = run(edge.case, edge.algorithm)
    poison(monkeypatch)
    for a, b in zip(run(edge.case, edge.algorithm), clean, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("edge", EXACT, ids=[edge.name for edge in EXACT])
def test_integers_in_scratch_full_of_the_largest(edge: Edge, monkeypatch: pytest.MonkeyPatch) -> None:
    edge.shrink(monkeypatch)
    floats = run(edge.case, edge.algorithm)
    poison(monkeypatch)
    for a, b in zip(run(of_dtype(edge.case, np.int64), edge.algorithm), floats, strict=True):
        assert a.dtype == np.int64
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    ("enough", "rows", "blocks"),
    [
        (1, 2.2, 4),
        (9, 2.2, 3),  # of 3 rows, for 9 columns at least, and then more than fits
        (99, 2.2, 3),  # but no more than half as much again
    ],
)
def test_a_row_of_few_windows_has_others_beside_it(
    enough: int, rows: float, blocks: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    case, row = convolution("conv2d", (8, 4), (3, 4, 3, 2, 1), PLAIN, N=1), 3 * 3 * 2 * 4 * 8
    edge = Edge("strips", case, strips, int(rows * row), {(strips, "block_columns"): blocks})
    counts = edge.shrink(monkeypatch)
    monkeypatch.setattr(strips, "ENOUGH_COLUMNS", enough)
    check(case, run(case, "strips"))
    assert counts == edge.blocks


IMAGES, FILTERS, FLAT, DOWN = (2, 3, 7, 9), (4, 3, 3, 2), (2, 2, 3, 2), {"stride": (2, 1)}
TAKEN: list[tuple[str, str, Shape, Shape, dict[str, Any], int, list[Shape]]] = [
    # what, algorithm, x, weight, options, the most values of filters that are copied for the bias, what is taken
    ("columns, and a row of ones", "strips", IMAGES, FILTERS, PLAIN, 72, [(2, 18 + 1, 5 * 8)]),
    ("too many filters for the ones", "strips", IMAGES, FILTERS, PLAIN, 71, [(2, 18, 5 * 8)]),
    ("ones below two taps", "strips", IMAGES, (4, 3, 1, 2), PLAIN, 24, [(2, 6 + 1, 7 * 8)]),
    ("none below a single tap", "strips", IMAGES, (4, 3, 1, 1), DOWN, 99, [(2, 3, 4 * 9)]),
    ("pixels as they stand", "strips", IMAGES, (4, 3, 1, 1), PLAIN, 99, []),
    ("pixels dealt out in threes", "strips", IMAGES, FILTERS, BENT, 71, [(2, 3, 9, 3, 5), (2, 18, 4 * 4)]),
    ("two windows, dealt out", "strips", (2, 3, 7, 5), FILTERS, {"stride": (1, 3)}, 71, [(2, 3, 7, 3, 2), (2, 18, 5 * 2)]),
    ("one window takes no step", "strips", (2, 3, 7, 2), FILTERS, {"stride": (2, 3)}, 71, [(2, 18, 3 * 1)]),
    ("one tap needs no dealing", "strips", IMAGES, (4, 3, 3, 1), {"stride": 2}, 35, [(2, 9, 3 * 5)]),
    ("one window takes no step", "flat", (1, 2, 3, 2), FLAT, {"stride": 9}, 0, [(1, 12, 2), (2, 7), (1, 2, 2)]),
    ("windows in rows as they are", "flat", (1, 2, 5, 6), FLAT, {**DOWN, "padding": 1}, 0, [(1, 12, 3 * 7), (2, 29), (2, 22)]),
    ("one window takes no step", "lines", (1, 2, 3, 2), FLAT, {"stride": 9}, 0, [(1, 2, 2), *[(2, 2, 2), (1, 1, 2, 2)] * 3]),
    (
        "two planes of windows in rows as they are",
        *("lines", (1, 2, 5, 6), FLAT, {**DOWN, "padding": 1}, 0),
        [(2, 2, 7 * (3 + 1)), (1, 2, 2, 7 * (3 + 1)), (2, 2, 7 * 3), (1, 1, 2, 7 * 3)],
    ),
    ("no two rows alike", "channels_last", IMAGES, (6, 1, 3, 2), {"groups": 3}, 0, [(2, 7, 9, 3), (2, 5, 8, 2, 3)]),
    (
        "gaps between many",
        "channels_last",
        (1, 65, 4, 4),
        (65, 1, 3, 3),
        {"groups": 65},
        0,
        [(1, 4, 4, 65), (1, 2, 2, 1, 65 + 16)],
    ),
    ("no gaps", "channels_last", (1, 64, 4, 4), (64, 1, 3, 3), {"groups": 64}, 0, [(1, 4, 4, 64), (1, 2, 2, 1, 64)]),
    ("pixels as they stand", "pointwise", IMAGES, (6, 3, 1, 1), PLAIN, 99, []),
    ("more results than pixels, and a row of ones", "pointwise", IMAGES, (7, 3, 1, 1), PLAIN, 21, [(3 + 1, 7, 9)] * 2),
    ("too many filters for the ones", "pointwise", IMAGES, (7, 3, 1, 1), PLAIN, 20, []),
    ("no ones for groups", "pointwise", IMAGES, (9, 1, 1, 1), {"groups": 3}, 99, []),
    ("every other row", "pointwise", IMAGES, (6, 3, 1, 1), DOWN, 99, [(3, 4, 9)] * 2),
    ("one row takes no step", "pointwise", (2, 3, 1, 9), (6, 3, 1, 1), DOWN, 99, []),
    ("one column takes no step", "pointwise", (2, 3, 7, 1), (6, 3, 1, 1), {"stride": (1, 9)}, 99, []),
]


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[Shape]:
    """Return the shapes of the scratch that calls take, as they take it."""
    shapes, take = [], filters.Scratch.take
    monkeypatch.setattr(filters.Scratch, "take", lambda s, n, shape, dtype: shapes.append(shape) or take(s, n, shape, dtype))
    return shapes


@pytest.mark.parametrize(
    ("what", "algorithm", "x", "weight", "options", "few", "shapes"), TAKEN, ids=[f"{row[1]}: {row[0]}" for row in TAKEN]
)
def test_no_more_scratch_is_taken_than_that(
    what: str,
    algorithm: str,
    x: Shape,
    weight: Shape,
    options: dict[str, Any],
    few: int,
    shapes: list[Shape],
    taken: list[Shape],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for module in (strips, pointwise):
        monkeypatch.setattr(module, "FEW", few)
    given = small_integers(x), small_integers(weight), small_integers(weight[:1])
    assert np.array_equal(vectorized.conv2d(*given, **options, algorithm=algorithm), naive.conv2d(*given, **options))
    assert taken == shapes, what


def test_a_block_takes_no_rows_but_its_own(taken: list[Shape], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("STRIP_BYTES", "ENOUGH_COLUMNS"):
        monkeypatch.setattr(strips, name, 1)
    vectorized.conv2d(small_integers((1, 3, 7, 9)), small_integers(FILTERS), **BENT, algorithm="strips")
    assert taken == 4 * [(1, 3, 3, 3, 5), (1, 18, 4)]


@pytest.mark.parametrize("rows", [1, 2])  # the last tap of a single row reads behind the plane
def test_flat_rows_are_zero_beside_the_image_and_nothing_is_left_of_older_scratch(rows: int) -> None:
    def take(_: str, shape: Shape, dtype: Any) -> np.ndarray:
        return np.full(shape, np.nan, dtype)

    for W, S, step, apart, left, right in product(range(1, 6), range(1, 8), (1, 2, 3), (1, 2), range(5), range(5)):
        room = W + left + right - apart * (S - 1) - 1
        if room < 0:
            continue
        x, sides, Q = np.arange(1.0, rows * W + 1).reshape(1, rows, W), ((0, 0), (left, right)), room // step + 1
        a = contract.conv2d(x, np.ones((1, 1, 1, S)), None, (1, step), sides, (1, apart), 1, "floor")
        lay = flat.layout(a, rows, Q)
        columns = take("columns", (2, 1, 1, S, rows * lay.width), x.dtype)
        flat.stretch_rows(lay, x, 0, columns[0], take)
        lines.stretch_lines(lay, lay.rows[0], x, 0, columns[1, 0])
        grid, places = columns.reshape(2, S, rows, lay.width), np.arange(S)[:, np.newaxis] * apart + np.arange(Q) * step
        for one in grid:
            assert np.array_equal(one[..., :Q], np.pad(x[0], sides)[:, places].swapaxes(0, 1)), (a, Q)
        assert not np.isnan(grid).any(), (a, Q)


def test_lines_that_reach_far_in_several_planes(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, name, value in FILTERS_LINES:
        monkeypatch.setattr(module, name, value)
    for operation in ("conv2d", "conv2d_backward"):
        case = convolution(operation, (2, 5), (4, 6, 4, 3, 2), {"stride": (2, 1), "dilation": (3, 1)})
        check(case, run(case, "lines" * (operation == "conv2d")))


@pytest.mark.parametrize(
    ("options", "shapes"),
    [(PADDED, [(4, 3, (4 + 2) * 5)]), (PLAIN, [(2, 3, 4, 7), (4, 3, (4 + 2) * 7)])],
    ids=["as many windows as pixels", "fewer windows than pixels"],
)
def test_a_gradient_is_copied_where_its_windows_do_not_fill_flat_rows(
    options: dict[str, Any], shapes: list[Shape], taken: list[Shape], monkeypatch: pytest.MonkeyPatch
) -> None:
    for module, name, value in FILTERS_LINES:
        monkeypatch.setattr(module, name, value)
    run(convolution("conv2d_backward", (4, 5), (4, 6, 3, 3, 2), options, 1))
    assert taken[1:] == shapes  # after the columns that go back
