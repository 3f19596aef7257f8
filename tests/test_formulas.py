"""The course notes' own examples, word for word: each cell of V beside the slice expression that the notes give for it."""

from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import naive.formulas
import vectorized.formulas
from samples import small_integers

# The notes' volume: X of shape (11, 11, 4), no zero padding, filter size 5, stride 2: the output is (11 - 5)/2 + 1 = 4 wide.
RNG = np.random.default_rng(0)  # for these alone: what a test sees must not depend on what was drawn before it
X = RNG.integers(-9, 10, (11, 11, 4)).astype(float)  # small integers: every sum is exact, whatever its order
W0, W1 = RNG.integers(-9, 10, (2, 5, 5, 4)).astype(float)
b0, b1 = 3.0, -7.0
CELLS = {
    (0, 0, 0): np.sum(X[:5, :5, :] * W0) + b0,
    (1, 0, 0): np.sum(X[2:7, :5, :] * W0) + b0,
    (2, 0, 0): np.sum(X[4:9, :5, :] * W0) + b0,
    (3, 0, 0): np.sum(X[6:11, :5, :] * W0) + b0,
    (0, 0, 1): np.sum(X[:5, :5, :] * W1) + b1,
    (1, 0, 1): np.sum(X[2:7, :5, :] * W1) + b1,
    (2, 0, 1): np.sum(X[4:9, :5, :] * W1) + b1,
    (3, 0, 1): np.sum(X[6:11, :5, :] * W1) + b1,
    (0, 1, 1): np.sum(X[:5, 2:7, :] * W1) + b1,  # an example of going along y
    (2, 3, 1): np.sum(X[4:9, 6:11, :] * W1) + b1,  # or along both
}


@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_each_cell_that_the_notes_write_out(formulas: Any, cell: tuple[int, int, int]) -> None:
    V = formulas.convolve(X, [W0, W1], [b0, b1], S=2, P=0)
    assert V.shape == (4, 4, 2)
    assert V[cell] == CELLS[cell]
    assert len({V[c] for c in CELLS}) == len(CELLS)  # no two of them are alike: none can stand in for another


def test_every_cell_of_a_padded_volume(formulas: Any) -> None:
    V = formulas.convolve(X, [W0, W1], [b0, b1], S=2, P=2)  # (11 - 5 + 2*2)/2 + 1 = 6
    padded = np.pad(X, ((2, 2), (2, 2), (0, 0)))
    assert V.shape == (6, 6, 2)
    for i, j in np.ndindex(6, 6):
        for k, (W, b) in enumerate([(W0, b0), (W1, b1)]):
            assert V[i, j, k] == np.sum(padded[i * 2 : i * 2 + 5, j * 2 : j * 2 + 5, :] * W) + b


# -------------------------------------------------------------------------------------------------------- the size formula


@pytest.mark.parametrize(
    ("W", "F", "S", "P", "size"),
    [
        (7, 3, 1, 0, 5),  # a 7x7 input and a 3x3 filter: 5x5 with stride 1,
        (7, 3, 2, 0, 3),  # 3x3 with stride 2
        (5, 3, 1, 1, 5),  # the neurons in one dimension: (5 - 3 + 2)/1 + 1,
        (5, 3, 2, 1, 3),  # (5 - 3 + 2)/2 + 1
        (227, 11, 4, 0, 55),  # the first layer of Krizhevsky et al.
        (11, 5, 2, 0, 4),
        (224, 2, 2, 0, 112),  # the pooling example
        (1, 1, 10**12, 0, 1),
    ],
)
def test_sizes_in_the_notes(formulas: Any, W: int, F: int, S: int, P: int, size: int) -> None:
    assert formulas.output_size(W, F, S, P) == size


@pytest.mark.parametrize(
    ("sizes", "arithmetic"),
    [
        ((10, 3, 2, 0), "(W - F + 2P)/S + 1 = (10 - 3 + 2*0)/2 + 1"),  # the notes' example: 4.5
        ((5, 3, 3, 1), "(W - F + 2P)/S + 1 = (5 - 3 + 2*1)/3 + 1"),  # 4 is not divisible by 3
        ((2, 5, 1, 1), "(W - F + 2P)/S + 1 = (2 - 5 + 2*1)/1 + 1"),  # the filter is larger than the input
        ((2, 5, 3, 0), "(W - F + 2P)/S + 1 = (2 - 5 + 2*0)/3 + 1"),  # and -3/3 + 1 is an integer, but 0
        ((224, 11, 4, 0), "(W - F + 2P)/S + 1 = (224 - 11 + 2*0)/4 + 1"),  # what the paper says; it must be 227
    ],
    ids=str,
)
def test_a_size_that_is_no_integer_is_an_error_and_shows_its_arithmetic(formulas: Any, sizes: Any, arithmetic: str) -> None:
    with pytest.raises(ValueError, match=r"integer|larger") as caught:
        formulas.output_size(*sizes)
    assert arithmetic in str(caught.value)
    W, F, S, P = sizes
    with pytest.raises(ValueError, match=r"integer|larger"):
        formulas.convolve(np.zeros((W, W, 1)), np.zeros((1, F, F, 1)), [0.0], S, P)
    if P == 0:
        with pytest.raises(ValueError, match=r"integer|larger"):
            formulas.max_pool(np.zeros((W, W, 1)), F, S)


def test_the_naive_words_to_the_letter() -> None:
    for sizes, words in (
        ((10, 3, 2, 1), "(10 - 3 + 2*1)/2 + 1 = 9/2 + 1 is not an integer: the windows do not tile the input"),
        ((2, 7, 1, 1), "(2 - 7 + 2*1)/1 + 1: the filter (F = 7) is larger than the padded input (W + 2P = 4)"),
    ):
        with pytest.raises(ValueError, match=r"W - F") as caught:
            naive.formulas.output_size(*sizes)
        assert str(caught.value) == f"(W - F + 2P)/S + 1 = {words}"
    for sizes, words in (
        ((4, 1), "(4 - 1)/2 is not an integer: padding on both sides cannot be equal"),
        ((1, 3), "(1 - 3)/2 is negative: no padding does this"),
    ):
        with pytest.raises(ValueError, match=r"F - S") as caught:
            naive.formulas.same_padding(*sizes)
        assert str(caught.value) == f"(F - S)/2 = {words}"


def test_zero_padding(formulas: Any) -> None:
    padded = formulas.zero_pad(X[:3, :2], 2)
    assert np.array_equal(padded, np.pad(X[:3, :2], ((2, 2), (2, 2), (0, 0))))
    assert padded.shape == (7, 6, 4)
    assert not np.shares_memory(formulas.zero_pad(X, 0), X)
    assert formulas.output_size(7, 3) == 5  # stride 1 and no padding, unless they are given


def test_memory_is_counted_before_it_is_taken(formulas: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("contract.MEMORY", 3 * 5 * 6 * 8)
    assert formulas.zero_pad(np.ones((1, 3, 6)), 1).shape == (3, 5, 6)
    text = "the padded input would have shape (3, 5, 7) and 840 bytes, more than this machine's 720"
    with pytest.raises(ValueError, match=r"bytes") as caught:
        formulas.zero_pad(np.ones((1, 3, 7)), 1)
    assert str(caught.value) == text


def test_same_padding_keeps_the_size(formulas: Any) -> None:
    for F in range(1, 30, 2):  # P = (F - 1)/2 with stride 1
        assert formulas.same_padding(F) == formulas.same_padding(F, 1) == (F - 1) // 2
        assert formulas.output_size(40, F, 1, formulas.same_padding(F)) == 40
    assert formulas.same_padding(11, 3) == 4
    for F, S in ((2, 1), (4, 1), (5, 2)):
        with pytest.raises(ValueError, match=rf"\(F - S\)/2 = \({F} - {S}\)/2 is not"):
            formulas.same_padding(F, S)
    with pytest.raises(ValueError, match=r"\(F - S\)/2 = \(1 - 3\)/2 is"):
        formulas.same_padding(1, 3)


@pytest.mark.parametrize("wrong", [1.0, True, None, "3", (3, 3)], ids=repr)
def test_a_size_of_the_wrong_kind(formulas: Any, wrong: Any) -> None:
    calls = [
        ("W", lambda: formulas.output_size(wrong, 3, 1, 0)),
        ("F", lambda: formulas.output_size(7, wrong, 1, 0)),
        ("S", lambda: formulas.output_size(7, 3, wrong, 0)),
        ("P", lambda: formulas.output_size(7, 3, 1, wrong)),
        ("F", lambda: formulas.same_padding(wrong, 1)),
        ("S", lambda: formulas.same_padding(3, wrong)),
        ("S", lambda: formulas.convolve(X, [W0, W1], [b0, b1], wrong, 0)),
        ("P", lambda: formulas.convolve(X, [W0, W1], [b0, b1], 1, wrong)),
        ("F", lambda: formulas.max_pool(X, wrong, 1)),
        ("S", lambda: formulas.max_pool(X, 1, wrong)),
        ("P", lambda: formulas.zero_pad(X, wrong)),
    ]
    for name, call in calls:
        with pytest.raises(TypeError, match=f"^{name} must be an integer, got "):
            call()


def test_a_size_that_is_too_small_or_absurd(formulas: Any) -> None:
    for name, sizes in (("W", (0, 1, 1, 0)), ("F", (7, 0, 1, 0)), ("S", (7, 3, 0, 0)), ("P", (7, 3, 1, -1))):
        with pytest.raises(ValueError, match=f"^{name} must be at least {int(name != 'P')}, got "):
            formulas.output_size(*sizes)
    for name, sizes in (("F", (0, 2)), ("S", (2, 0))):
        with pytest.raises(ValueError, match=f"^{name} must be at least 1, got 0"):
            formulas.same_padding(*sizes)
    with pytest.raises(ValueError, match=r"^S must be at least 1, got 0"):
        formulas.max_pool(X, 1, 0)
    with pytest.raises(ValueError, match=r"^P must be at least 0, got -1"):
        formulas.zero_pad(X, -1)
    for absurd in (10**12, 2**64):
        for call in (
            lambda P=absurd: formulas.zero_pad(X, P),
            lambda P=absurd: formulas.convolve(X, [W0, W1], [b0, b1], 1, P),
        ):
            with pytest.raises(ValueError, match=r"would have shape .* bytes, more than this machine's"):
                call()
    assert formulas.convolve(X[:5, :5], [W0, W1], [b0, b1], 2**64).shape == (1, 1, 2)  # one window: no step is taken


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((X[0], [W0, W1], [b0, b1]), "X must have shape (A, B, C), at least one of each, got (11, 4)"),
        ((X[:0], [W0, W1], [b0, b1]), "X must have shape (A, B, C), at least one of each, got (0, 11, 4)"),
        ((X, W0, [b0]), "W must have shape (K, F, F, C), at least one of each, got (5, 5, 4)"),
        ((X, W0[np.newaxis, :4], [b0]), "W must have shape (K, F, F, C), at least one of each, got (1, 4, 5, 4)"),
        ((X, np.zeros((0, 5, 5, 4)), np.zeros(0)), "W must have shape (K, F, F, C), at least one of each, got (0, 5, 5, 4)"),
        ((X[:, :, :3], [W0, W1], [b0, b1]), "W has shape (2, 5, 5, 4): filters of depth 4, but X has depth 3"),
        ((X, [W0, W1], [b0]), "b must have shape (2,), one value for each filter, got (1,)"),
    ],
    ids=range(7),
)
def test_volumes_that_do_not_fit_together(formulas: Any, arguments: Any, message: str) -> None:
    with pytest.raises(ValueError, match="shape") as caught:
        formulas.convolve(*arguments)
    assert str(caught.value) == message


def test_kinds_that_do_not_fit_together(formulas: Any) -> None:
    with pytest.raises(TypeError, match=r"^X, W, b must share one dtype, got X float64, W float64, b int64$"):
        formulas.convolve(X, [W0, W1], [3, -7])
    with pytest.raises(TypeError, match=r"^b must be an array of numbers, got None$"):
        formulas.convolve(X, [W0, W1], None)
    with pytest.raises(TypeError, match=r"^X must have an ordered dtype: complex numbers have no maximum, got complex128$"):
        formulas.max_pool(X + 0j, 1, 1)


# -------------------------------------------------------------------------------------------------------- one matrix product


def test_the_notes_matrix_sizes() -> None:
    image = small_integers((227, 227, 3), np.float32)
    columns = vectorized.formulas.im2col(image, F=11, S=4)
    assert columns.shape == (363, 3025)  # 11*11*3 = 363 long, 55*55 = 3025 of them
    filters = small_integers((96, 11, 11, 3), np.float32)
    rows = filters.reshape(96, -1)
    assert rows.shape == (96, 363)
    V = vectorized.formulas.convolve(image, filters, np.zeros(96, np.float32), S=4)
    assert V.shape == (55, 55, 96)
    assert np.array_equal(V.reshape(3025, 96).T, rows @ columns)
    assert np.array_equal(V[:, :, :1], naive.formulas.convolve(image, filters[:1], np.zeros(1, np.float32), S=4))


def test_each_column_is_one_receptive_field() -> None:
    columns = vectorized.formulas.im2col(X, F=5, S=2, P=1)
    padded = np.pad(X, ((1, 1), (1, 1), (0, 0)))
    for column, (i, j) in zip(columns.T, np.ndindex(5, 5), strict=True):  # (11 - 5 + 2)/2 + 1 = 5
        assert np.array_equal(column, padded[i * 2 : i * 2 + 5, j * 2 : j * 2 + 5, :].ravel())


def test_the_memory_of_the_columns_is_counted_to_the_byte(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("contract.MEMORY", 8 * (2 * 2 * 4) * (2 * 3))
    assert vectorized.formulas.im2col(X[:3, :4], F=2).shape == (16, 6)
    monkeypatch.setattr("contract.MEMORY", 8 * (2 * 2 * 4) * (2 * 3) - 1)
    with pytest.raises(ValueError, match=r"^the columns would have shape \(2, 2, 4, 2, 3\) and 768 bytes"):
        vectorized.formulas.im2col(X[:3, :4], F=2)


def test_both_write_the_same_sum_in_fractions() -> None:
    exact = np.vectorize(lambda v: Fraction(int(v), 7), otypes=[object])
    given = exact(X[:7, :9]), exact([W0, W1]), [Fraction(1, 3), Fraction(-1, 9)]
    left, right = (f.convolve(*given, S=2, P=1) for f in (naive.formulas, vectorized.formulas))
    assert left.tolist() == right.tolist()
    assert all(type(v) is Fraction for v in left.flat)


# --------------------------------------------------------------------------------------------------------- parameter sharing


def test_every_position_applies_the_same_filter(formulas: Any) -> None:
    one = np.zeros((9, 9, 4))
    for i, j in np.ndindex(5, 5):  # a single bright pixel, wherever it is, shows the filter mirrored around it
        one[:] = 0
        one[i + 2, j + 2, 3] = 1
        V = formulas.convolve(one, [W0], [b0], P=2)
        assert np.array_equal(V[i : i + 5, j : j + 5, 0], W0[::-1, ::-1, 3] + b0)
        assert np.count_nonzero(b0 != V) == np.count_nonzero(W0[:, :, 3])


@pytest.mark.parametrize("S", [1, 2, 3])
def test_a_shifted_image_gives_a_shifted_result(formulas: Any, S: int) -> None:
    wide = small_integers((5 + 3 * S, 5 + 4 * S, 4))
    V = formulas.convolve(wide, [W0, W1], [b0, b1], S)
    assert np.array_equal(formulas.convolve(wide[S:], [W0, W1], [b0, b1], S), V[1:])
    assert np.array_equal(formulas.convolve(wide[:, 2 * S :], [W0, W1], [b0, b1], S), V[:, 2:])


# ------------------------------------------------------------------------------------------------------------------- pooling


def test_the_pooling_example(formulas: Any) -> None:
    plane = np.array([[1, 1, 2, 4], [5, 6, 7, 8], [3, 2, 1, 0], [1, 2, 3, 4]])
    V = formulas.max_pool(plane[:, :, np.newaxis], F=2, S=2)
    assert V[:, :, 0].tolist() == [[6, 8], [3, 4]]
    assert V.dtype == plane.dtype


@pytest.mark.parametrize(("F", "S"), [(2, 2), (3, 2), (3, 1), (11, 5), (1, 2), (1, 1)])
def test_pooling_keeps_the_depth_and_takes_maxima(formulas: Any, F: int, S: int) -> None:
    volume = X[:8, :10] if F == 2 else X[:, :9] if (F, S) == (3, 2) else X
    V = formulas.max_pool(volume, F, S)
    A, B = ((n - F) // S + 1 for n in volume.shape[:2])
    assert V.shape == (A, B, 4)
    for i, j, c in np.ndindex(V.shape):
        assert V[i, j, c] == max(volume[i * S : i * S + F, j * S : j * S + F, c].ravel())
    assert not np.shares_memory(V, volume)


def test_the_pooling_of_the_notes_picture() -> None:
    image = np.random.default_rng(0).integers(0, 256, (224, 224, 64), np.uint8)
    V = vectorized.formulas.max_pool(image, 2, 2)
    assert V.shape == (112, 112, 64)
    assert np.array_equal(V[:, :, :1], naive.formulas.max_pool(image[:, :, :1], 2, 2))
