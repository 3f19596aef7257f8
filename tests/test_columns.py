"""im2col and col2im: each column is one receptive field, and one is the exact adjoint of the other."""

from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np
import pytest
import torch

from samples import small_integers
from vectorized import col2im, conv2d, im2col
from vectorized.windows import meeting, phases, windows

# image (N, C, H, W), kernel, options: with extents and options that differ wherever they can
GEOMETRIES: dict[str, tuple[tuple[int, ...], tuple[int, int], dict[str, Any]]] = {
    "plain": ((2, 3, 4, 6), (2, 3), {}),
    "one tap": ((2, 3, 4, 5), (1, 1), {"stride": (3, 2)}),
    "stride": ((1, 2, 7, 9), (3, 2), {"stride": (2, 7)}),
    "padding": ((2, 2, 3, 4), (2, 3), {"padding": (1, 4)}),
    "dilation": ((2, 2, 7, 6), (3, 2), {"dilation": (3, 4)}),
    "all of them": ((2, 3, 6, 9), (3, 2), {"stride": (2, 3), "padding": (2, 1), "dilation": (2, 4), "rounding": "floor"}),
    "more padding than image": ((1, 2, 1, 2), (2, 3), {"padding": (3, 5), "stride": (1, 2), "rounding": "floor"}),
    "as large as the image": ((2, 3, 4, 5), (4, 5), {}),
}
DEFAULTS = {"stride": (1, 1), "padding": (0, 0), "dilation": (1, 1)}
each_geometry = pytest.mark.parametrize(("shape", "kernel", "options"), GEOMETRIES.values(), ids=GEOMETRIES)


@each_geometry
def test_each_column_is_one_receptive_field(shape: Any, kernel: Any, options: dict[str, Any]) -> None:
    x = small_integers(shape)
    columns = im2col(x, kernel, **options)
    (N, C, H, W), (R, S) = shape, kernel
    (s_h, s_w), (p_h, p_w), (d_h, d_w) = (options.get(name, default) for name, default in DEFAULTS.items())
    padded = np.pad(x, ((0, 0), (0, 0), (p_h, p_h), (p_w, p_w)))
    tops = range(0, H + 2 * p_h - d_h * (R - 1), s_h)
    lefts = range(0, W + 2 * p_w - d_w * (S - 1), s_w)
    assert columns.shape == (N, C * R * S, len(tops) * len(lefts))
    for n, (place, (top, left)) in product(range(N), enumerate(product(tops, lefts))):
        field = padded[n, :, top : top + d_h * R : d_h, left : left + d_w * S : d_w][:, :R, :S]
        assert np.array_equal(columns[n, :, place], field.ravel())


@each_geometry
@pytest.mark.parametrize("dtype", ["f4", "f8", "c16"])
def test_they_are_pytorchs_unfold_and_fold(shape: Any, kernel: Any, options: dict[str, Any], dtype: str) -> None:
    x = small_integers(shape, dtype)
    theirs = {k: v for k, v in options.items() if k != "rounding"}
    columns = im2col(x, kernel, **options)
    assert np.array_equal(columns, torch.nn.functional.unfold(torch.from_numpy(x), kernel, **theirs).numpy())
    c = small_integers(columns.shape, dtype, seed=1)
    back = col2im(c, shape[2:], kernel, **options)
    assert np.array_equal(back, torch.nn.functional.fold(torch.from_numpy(c), shape[2:], kernel, **theirs).numpy())


@each_geometry
def test_col2im_is_the_exact_adjoint_of_im2col(shape: Any, kernel: Any, options: dict[str, Any]) -> None:
    for padding in (options.get("padding", 0), ((0, 3), (2, 1))):
        given = {**options, "padding": padding, "rounding": "floor"}
        x = small_integers(shape, np.int64)
        columns = im2col(x, kernel, **given)
        c = small_integers(columns.shape, np.int64, seed=1)
        assert np.sum(columns * c) == np.sum(x * col2im(c, shape[2:], kernel, **given))


@each_geometry
def test_rows_times_columns_is_the_convolution(shape: Any, kernel: Any, options: dict[str, Any]) -> None:
    x, weight = small_integers(shape), small_integers((5, shape[1], *kernel))
    rows = weight.reshape(5, -1)  # (K, C*R*S)
    y = conv2d(x, weight, **options)
    assert np.array_equal((rows @ im2col(x, kernel, **options)).reshape(y.shape), y)


def test_the_notes_sizes() -> None:
    assert im2col(np.zeros((1, 3, 227, 227), np.uint8), 11, stride=4).shape == (1, 363, 3025)
    assert im2col(np.zeros((0, 3, 227, 227), np.uint8), 11, stride=4).shape == (0, 363, 3025)


def test_going_there_and_back_counts_how_often_each_pixel_was_copied() -> None:
    times = col2im(im2col(np.ones((1, 1, 3, 4), int), (2, 3)), (3, 4), (2, 3))
    assert times.tolist() == [[[[1, 2, 2, 1], [2, 4, 4, 2], [1, 2, 2, 1]]]]


def test_the_onnx_standards_col2im() -> None:
    # test_col2im_strides, _pads and _dilations
    columns = np.zeros((9, 4), int)
    columns[[1, 2, 3, 7]] = 1
    strided = [[0, 1, 1, 1, 1], [1, 0, 1, 0, 0], [0, 2, 1, 2, 1], [1, 0, 1, 0, 0], [0, 1, 0, 1, 0]]
    assert col2im(columns, (5, 5), 3, stride=2).tolist() == [strided]
    columns = np.arange(1, 76).reshape(15, 5).T
    padded = [[8, 21, 24, 27, 24], [38, 66, 69, 72, 54], [68, 111, 114, 117, 84], [98, 156, 159, 162, 114]]
    padded += [[128, 201, 204, 207, 144]]  # the first edition had 14 for the 24: a mistake, since put right there
    assert col2im(columns, (5, 5), (1, 5), padding=(0, 1)).tolist() == [padded]
    dilated = col2im(np.arange(1, 21).reshape(5, 4).T, (6, 6), 2, dilation=(1, 5))[0]
    assert dilated[:, [0, 5]].tolist() == [[1, 2], [8, 10], [16, 18], [24, 26], [32, 34], [19, 20]]
    assert not dilated[:, 1:5].any()


def test_same_padding_and_unequal_sides() -> None:
    assert im2col([[[1, 2, 3]]], (1, 2), padding="same").tolist() == [[1, 2, 3], [2, 3, 0]]
    assert im2col([[[1, 2]]], (1, 2), padding=((0, 1), (2, 0))).tolist() == [[0, 0, 1, 0, 0, 0], [0, 1, 2, 0, 0, 0]]
    assert col2im([[1, 2, 3], [10, 20, 30]], (1, 3), (1, 2), padding="same").tolist() == [[[1, 12, 23]]]


def test_one_side_alone_is_padded() -> None:
    for padding, columns in (
        (((1, 0), (0, 0)), [0, 0, 5, 6]),
        (((0, 1), (0, 0)), [5, 6, 0, 0]),
        (((0, 0), (1, 0)), [0, 5, 6]),
        (((0, 0), (0, 1)), [5, 6, 0]),
    ):
        assert im2col([[[5, 6]]], 1, padding=padding).tolist() == [columns]


def test_dtypes() -> None:
    assert im2col(np.ones((1, 1, 2), ">i2"), 1).dtype == np.dtype("=i2")
    assert col2im(np.full((2, 2), 100, np.int8), (1, 3), (1, 2)).tolist() == [[[100, -56, 100]]]  # 200 modulo 256
    # carried in float32: in float16, 2048 + 1 + 1 would stay at 2048
    assert col2im(np.array([[1, 1, 2048], [1, 1, 1], [1, 1, 1]], np.float16), (1, 5), (1, 3))[0, 0, 2] == 2050
    third = np.full((2, 3), Fraction(1, 3), object)
    assert col2im(third, (1, 4), (1, 2)).tolist() == [[[Fraction(1, 3), Fraction(2, 3), Fraction(2, 3), Fraction(1, 3)]]]


def test_results_are_new_memory() -> None:
    x = small_integers((1, 1, 2, 3))
    columns = im2col(x, 1)
    back = col2im(columns, (2, 3), 1)
    assert np.array_equal(back, x)
    assert not any(np.shares_memory(a, b) for a, b in ((columns, x), (back, columns), (columns, im2col(x, 1))))


@pytest.mark.parametrize(
    ("columns", "size", "kernel", "message"),
    [
        (np.zeros(4), (2, 2), 1, "columns must have shape (N, C*R*S, P*Q) or (C*R*S, P*Q), got (4,)"),
        (np.zeros((3, 4)), (2, 2), (1, 2), "columns has 3 rows: not a positive multiple of R*S = 2"),
        (np.zeros((0, 4)), (2, 2), (1, 2), "columns has 0 rows: not a positive multiple of R*S = 2"),
        (np.zeros((2, 5)), (2, 4), (1, 2), "columns has 5 columns, but there are P*Q = 2*3 windows"),
        (np.zeros((2, 4)), (2, 0), (1, 2), "size (width) must be at least 1, got 0"),
        (np.zeros((2, 4)), (2, 2), 0, "kernel_size must be at least 1, got 0"),
        # in 64 bits, 2**32 * 2**32 is 0
        (np.zeros((2, 4)), (2, 2), 2**32, "columns has 2 rows: not a positive multiple of R*S = 18446744073709551616"),
    ],
    ids=range(7),
)
def test_columns_that_do_not_fit(columns: np.ndarray, size: Any, kernel: Any, message: str) -> None:
    with pytest.raises(ValueError, match=r"columns|size") as caught:
        col2im(columns, size, kernel)
    assert str(caught.value) == message


def test_col2im_refuses_windows_that_do_not_tile() -> None:
    columns = np.ones((2, 2))  # as many as "floor" leaves
    assert col2im(columns, (1, 5), (1, 2), stride=2, rounding="floor").tolist() == [[[1, 1, 1, 1, 0]]]
    with pytest.raises(ValueError, match="the windows do not tile the input's width"):
        col2im(columns, (1, 5), (1, 2), stride=2)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"x": [1, 2]}, ValueError, "x must have shape (N, C, H, W) or (C, H, W), got (2,)"),
        ({"x": [[["1"]]]}, TypeError, "x must hold float16, float32, float64, complex64, complex128, integers"),
        ({"kernel_size": 0}, ValueError, "kernel_size must be at least 1, got 0"),
        ({"kernel_size": 4}, ValueError, "the window is larger than the padded input: in height, dilation * (kernel - 1) + 1"),
        ({"stride": 0}, ValueError, "stride must be at least 1, got 0"),
        ({"dilation": (1, 0)}, ValueError, "dilation (width) must be at least 1, got 0"),
        ({"padding": -1}, ValueError, "padding must be at least 0, got -1"),
        ({"padding": "same", "stride": 2}, ValueError, "padding='same' needs stride 1, got stride (2, 2)"),
        ({"rounding": "ceil"}, ValueError, "rounding must be one of 'exact', 'floor', got 'ceil'"),
        ({"stride": 2}, ValueError, "the windows do not tile the input's height: (H - F + 2P)/S + 1 = (3 - 2 + 0 + 0) / 2 + 1"),
    ],
    ids=range(10),
)
def test_im2col_refuses_what_a_convolution_refuses(change: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error) as caught:
        im2col(**{"x": np.ones((1, 3, 3)), "kernel_size": 2, **change})
    assert str(caught.value).startswith(message)


def test_absurd_columns() -> None:
    with pytest.raises(ValueError, match="the result would have shape"):
        col2im(np.zeros((1, 1)), 10**12, 1)
    with pytest.raises(ValueError, match="the window is larger than the padded input"):
        im2col(np.zeros((1, 1, 1)), 2**64 + 1)
    with pytest.raises(ValueError, match="the columns would have shape"):
        im2col(np.zeros((1, 2, 10**5)), (1, 5 * 10**4), padding=(10**4, 0))


def test_memory_is_counted_to_the_byte(monkeypatch: pytest.MonkeyPatch) -> None:
    x, c = small_integers((1, 2, 3, 5), np.float32), small_integers((6, 6), np.float32)
    monkeypatch.setattr("contract.MEMORY", 4 * 2 * (2 * 3) * (2 * 3))
    assert im2col(x, (2, 3)).shape == (1, 12, 6)
    monkeypatch.setattr("contract.MEMORY", 4 * 2 * (2 * 3) * (2 * 3) - 1)
    with pytest.raises(ValueError, match=r"^the columns would have shape \(1, 2, 2, 3, 2, 3\) and 288 bytes"):
        im2col(x, (2, 3))
    monkeypatch.setattr("contract.MEMORY", 4 * 3 * 5)
    assert col2im(c, (1, 3), (2, 3), padding=1).shape == (1, 1, 3)
    monkeypatch.setattr("contract.MEMORY", 4 * 3 * 5 - 1)
    with pytest.raises(ValueError, match=r"^the padded input would have shape \(1, 1, 3, 5\) and 60 bytes"):
        col2im(c, (1, 3), (2, 3), padding=1)


# ------------------------------------------------------------------------------------------------------------------ windows


@pytest.mark.parametrize("dtype", ["f8", "O"])
@pytest.mark.parametrize("in_one_piece", [True, False])
def test_windows_are_a_view_that_nobody_can_write_to(in_one_piece: bool, dtype: str) -> None:
    x = small_integers((2, 3, 5, 6), dtype)
    x = x if in_one_piece else np.asfortranarray(x)
    view = windows(x, (2, 3), (2, 1), (1, 2), (2, 2))
    assert view.shape == (2, 3, 2, 3, 2, 2)
    assert np.shares_memory(view, x)
    assert not view.flags.writeable
    for r, s, p, q in np.ndindex(2, 3, 2, 2):
        assert np.array_equal(view[:, :, r, s, p, q], x[:, :, p * 2 + r, q + s * 2])


def test_where_one_tap_meets_the_image_by_enumeration() -> None:
    for size, count, stride, offset in product(range(1, 7), range(1, 6), range(1, 5), range(-9, 9)):
        met = [(p, p * stride + offset) for p in range(count) if p * stride + offset in range(size)]
        window_slice, cell_slice = meeting(size, count, stride, offset)
        found = list(zip(range(count)[window_slice], range(size)[cell_slice], strict=True))
        assert found == met, (size, count, stride, offset)


def test_phases_are_the_taps_that_read_the_same_of_every_few_cells() -> None:
    for taps, dilation, stride in product(range(1, 6), range(1, 7), range(1, 7)):
        found = []
        for some, first, apart in phases(taps, dilation, stride):
            numbers = range(taps)[some]
            assert [first + i * apart * stride for i in range(len(numbers))] == [r * dilation for r in numbers]
            found.append(list(numbers))
        residues = [r * dilation % stride for r in range(taps)]
        assert sorted(found) == sorted([r for r in range(taps) if residues[r] == some] for some in set(residues))
