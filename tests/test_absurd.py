"""Absurd options: worked out in Python integers, refused before anything is allocated, or simply valid."""

import sys
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import contract
import vectorized
from samples import CALLS, TRANSPOSED, WEIGHT, X, small_integers

# In 32 or 64 bits a size with these overflows, or wraps around to one that would pass: 2**64 + 1 to 1.
ABSURD = (10**12, 2**31, 2**32 + 1, 2**63, 2**64, 2**64 + 1)
CONVS, TRANSPOSEDS, MAXES, AVERAGES = (tuple(CALLS)[i : i + 2] for i in (0, 2, 4, 6))


@pytest.fixture
def frugal() -> Iterator[None]:
    """Fail if the test has a megabyte allocated at any moment."""
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


def refusals(n: int) -> Iterator[tuple[tuple[str, ...], dict[str, Any], str]]:
    """Yield functions, what is changed in their sample calls, and words that the message must have."""
    result, padded = "the result would have shape", "the padded input would have shape"
    yield CONVS, {"stride": n}, f"(3 - 2 + 0 + 0) / {n} + 1 = 1/{n} + 1 is not an integer"
    yield CONVS, {"dilation": (1, n)}, f"in width, dilation * (kernel - 1) + 1 = {n} * (3 - 1) + 1 = {2 * n + 1}, but"
    yield CONVS, {"padding": n}, f"{padded} (1, 2, {3 + 2 * n}, {5 + 2 * n}) and"
    yield CONVS, {"padding": ((n, 0), (0, n))}, f"{padded} (1, 2, {3 + n}, {5 + n}) and"
    yield CONVS, {"padding": n, "x": X[:0]}, f"{padded} (0, 2, {3 + 2 * n}, {5 + 2 * n}) and"
    yield (*CONVS, *TRANSPOSEDS), {"groups": n}, f"groups must divide the number of channels of x, but 2 / {n} is not"
    yield TRANSPOSEDS, {"stride": n}, f"{result} (1, 4, {2 + 2 * n}, {3 + 4 * n}) and"
    yield TRANSPOSEDS, {"dilation": n}, f"{result} (1, 4, {3 + n}, {5 + 2 * n}) and"
    yield TRANSPOSEDS, {"padding": (n, 0)}, "padding takes the whole result away: in height, (size - 1) * stride + dilation"
    yield TRANSPOSEDS, {"output_padding": n}, f"in height it is {n}, with stride 1 and dilation 1"
    yield TRANSPOSEDS, {"output_padding": n, "stride": n + 1}, f"{result} (1, 4, {4 + 3 * n}, {7 + 5 * n}) and"
    yield (*MAXES, *AVERAGES), {"kernel_size": n}, f"in height, dilation * (kernel - 1) + 1 = 1 * ({n} - 1) + 1 = {n}, but"
    yield (*MAXES, *AVERAGES), {"padding": n}, f"in height it is {n} with kernel_size 3"
    half = n // 2
    yield (*MAXES, *AVERAGES), {"kernel_size": n, "padding": half}, f"{padded} (1, 2, {3 + 2 * half}, {5 + 2 * half}) and"
    yield MAXES, {"dilation": n}, f"in height, dilation * (kernel - 1) + 1 = {n} * (3 - 1) + 1 = {2 * n + 1}, but"


ROWS = [
    pytest.param(name, change, text, id=f"{name}-{'-'.join(change)}-{n}")
    for n in ABSURD
    for functions, change, text in refusals(n)
    for name in functions
]


@pytest.mark.parametrize(("name", "change", "text"), ROWS)
@pytest.mark.usefixtures("frugal")
def test_is_refused_before_anything_is_allocated(implementation: Any, name: str, change: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError, match=r"\d") as caught:
        getattr(implementation, name)(**{**CALLS[name], **change})
    assert text in str(caught.value)


@pytest.mark.parametrize("n", ABSURD)
@pytest.mark.usefixtures("frugal")
def test_a_stride_that_leaves_one_window_is_valid(implementation: Any, n: int) -> None:
    options: dict[str, Any] = {"stride": (n, n + 1), "rounding": "floor"}
    corner, one = X[:, :, :2, :3], np.ones((1, 4, 1, 1))
    assert np.array_equal(implementation.conv2d(X, WEIGHT, **options), implementation.conv2d(corner, WEIGHT))
    got = implementation.conv2d_backward(one, X, WEIGHT, **options)
    expected = implementation.conv2d_backward(one, corner, WEIGHT)
    assert np.array_equal(got[0], np.pad(expected[0], ((0, 0), (0, 0), (0, 1), (0, 2))))
    assert all(map(np.array_equal, got[1:], expected[1:]))
    for rounding in ("floor", "ceil"):  # the next window would start outside
        options = {"stride": (n, n + 1), "padding": 1, "rounding": rounding}  # the window sees one row, two columns
        assert np.array_equal(implementation.max_pool2d(X, (2, 3), **options), X[:, :, :1, :2].max((2, 3), keepdims=True))
        sums = X[:, :, :1, :2].sum((2, 3), keepdims=True)
        assert np.array_equal(implementation.avg_pool2d(X, (2, 3), **options), sums / 6)
        grad_x = implementation.avg_pool2d_backward(6 * one[:, :2], X, (2, 3), **options)
        assert np.array_equal(grad_x, np.pad(np.ones((1, 2, 1, 2)), ((0, 0), (0, 0), (0, 2), (0, 3))))
        grad_x = implementation.max_pool2d_backward(one[:, :2], X, (2, 3), **options)
        assert np.array_equal(grad_x[:, :, :1, :2].sum((2, 3)), [[1, 1]])
        assert np.count_nonzero(grad_x) == 2
        not_a_number = X.copy()
        not_a_number[:, :, 0, 1] = np.nan
        for x in (X, X.astype(object), not_a_number):
            best, places = implementation.max_pool2d(x, (2, 3), **options, return_indices=True)
            first, second = x[:, :, :1, :1], x[:, :, :1, 1:2]
            wins = ~(first >= second).astype(bool)  # NaN is not less
            np.testing.assert_array_equal(best, np.where(wins, second, first))
            assert np.array_equal(places, wins)


@pytest.mark.parametrize("n", ABSURD)
@pytest.mark.usefixtures("frugal")
def test_a_dilation_or_stride_that_moves_nothing_is_valid(implementation: Any, n: int) -> None:
    row, one = WEIGHT[:, :, :1], X[:, :, :1, :1]
    for options in ({"dilation": (n, 1)}, {"dilation": (n, 2)}):
        plain = {"dilation": (1, options["dilation"][1])}
        assert np.array_equal(implementation.conv2d(X, row, **options), implementation.conv2d(X, row, **plain))
        got, expected = (implementation.conv_transpose2d(X, TRANSPOSED[:, :, :1], **o) for o in (options, plain))
        assert np.array_equal(got, expected)
        got, expected = (implementation.max_pool2d(X, (1, 3), stride=1, return_indices=True, **o) for o in (options, plain))
        assert all(map(np.array_equal, got, expected))
        g = small_integers(got[0].shape)
        got, expected = (implementation.max_pool2d_backward(g, X, (1, 3), stride=1, **o) for o in (options, plain))
        assert np.array_equal(got, expected)
    got, expected = (implementation.conv2d(X, WEIGHT[..., :1], dilation=(1, d)) for d in (n, 1))
    assert np.array_equal(got, expected)
    across = {"stride": 1, "return_indices": True}
    got, expected = (implementation.max_pool2d(X, (3, 1), dilation=(1, d), **across) for d in (n, 1))
    assert all(map(np.array_equal, got, expected))
    got, expected = (implementation.conv_transpose2d(one, TRANSPOSED, stride=s) for s in (n, 1))
    assert np.array_equal(got, expected)
    g = small_integers(got.shape)
    got, expected = (implementation.conv_transpose2d_backward(g, one, TRANSPOSED, stride=s) for s in (n, 1))
    assert all(map(np.array_equal, got, expected))


@pytest.mark.parametrize("n", ABSURD)
@pytest.mark.parametrize("images", [0, 1])
@pytest.mark.usefixtures("frugal")
def test_stamps_that_meet_in_one_cell_are_valid(implementation: Any, images: int, n: int) -> None:
    options = {"stride": n, "padding": n, "dilation": n}  # all four have a tap at (n, n); padding leaves that alone
    y = implementation.conv_transpose2d(np.ones((images, 1, 2, 2)), np.ones((1, 1, 2, 2)), **options)
    assert y.tolist() == images * [[[[4]]]]


@pytest.mark.parametrize("n", ABSURD)
@pytest.mark.usefixtures("frugal")
def test_a_small_gradient_of_an_absurd_result_is_refused(implementation: Any, n: int) -> None:
    x, one = np.ones((1, 1, 2, 2)), np.ones((1, 1, 1, 1))
    options = {"stride": n, "padding": n // 2, "dilation": 1}  # stamps at 0 and n; padding leaves the middle
    y = implementation.conv_transpose2d(x, one, **options)
    assert y.shape == (1, 1, 1 + n % 2, 1 + n % 2)
    assert not y.any()
    with pytest.raises(ValueError, match=rf"^the padded gradient would have shape \(1, 1, {n + 1}, {n + 1}\) and \d+ bytes"):
        implementation.conv_transpose2d_backward(y, x, one, **options)


def test_memory_is_counted_to_the_byte(implementation: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def refusal(memory: int, name: str, **options: Any) -> str:
        monkeypatch.setattr(contract, "MEMORY", memory)
        with pytest.raises(ValueError, match="bytes") as caught:
            getattr(implementation, name)(**CALLS[name], **options)
        return str(caught.value)

    machine = "more than this machine's"
    padded = f"the padded input would have shape (1, 2, 5, 7) and 560 bytes, {machine} 559"
    result = f"the result would have shape (1, 4, 4, 5) and 640 bytes, {machine}"
    assert refusal(559, "conv2d", padding=1) == refusal(559, "conv2d_backward", padding=1) == padded
    assert refusal(560, "conv2d", padding=1) == f"{result} 560"
    assert refusal(639, "conv2d", padding=1) == f"{result} 639"
    text = f"the result would have shape (1, 4, 4, 7) and 896 bytes, {machine} 895"
    assert refusal(895, "conv_transpose2d") == refusal(895, "conv_transpose2d_backward") == text
    for name in (*MAXES, *AVERAGES):
        assert refusal(559, name, padding=1) == padded
    for memory, name in ((640, "conv2d"), (896, "conv_transpose2d"), (560, "max_pool2d")):
        monkeypatch.setattr(contract, "MEMORY", memory)
        options: dict[str, Any] = {} if name == "conv_transpose2d" else {"padding": 1, "stride": 1}
        if implementation is vectorized and name == "conv2d":
            options["algorithm"] = "strips"  # im2col, which "auto" takes, would need memory for its columns too
        getattr(implementation, name)(**CALLS[name], **options)


def test_an_empty_batch_counts_as_one_image(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contract, "MEMORY", 12)
    contract.memory_fits("the result", (0, 1, 3), 4)
    with pytest.raises(ValueError, match=r"the result would have shape \(0, 1, 4\) and 16 bytes, more than this machine's 12"):
        contract.memory_fits("the result", (0, 1, 4), 4)


def test_the_memory_of_an_algorithm_is_counted_to_the_byte(monkeypatch: pytest.MonkeyPatch) -> None:
    x, weight = X[0].astype("f4"), WEIGHT.astype("f4")
    for algorithm, what, shape, nbytes in (
        ("im2col", "the columns", (1, 2, 2, 3, 2, 3), 4 * 2 * (2 * 3) * (2 * 3)),
        ("fft", "the spectra", (2 + 4 * 2 + 4, 3 * 3), 8 * (2 + 4 * 2 + 4) * (3 * 3)),  # of 5 real columns, 3 complex ones
    ):
        monkeypatch.setattr(contract, "MEMORY", nbytes)
        vectorized.conv2d(x, weight, algorithm=algorithm)
        monkeypatch.setattr(contract, "MEMORY", nbytes - 1)
        with pytest.raises(ValueError, match="bytes") as caught:
            vectorized.conv2d(x, weight, algorithm=algorithm)
        assert str(caught.value).startswith(f"{what} would have shape {shape} and {nbytes} bytes")


def test_this_machines_memory_is_known_or_unlimited(monkeypatch: pytest.MonkeyPatch) -> None:
    assert contract._memory() == contract.MEMORY >= 2**26
    if sys.platform == "linux":
        total = next(line for line in Path("/proc/meminfo").read_text("ascii").splitlines() if line.startswith("MemTotal:"))
        assert 1024 * int(total.split()[1]) == contract.MEMORY
    monkeypatch.delattr("os.sysconf", raising=False)  # as on Windows
    assert contract._memory() == sys.maxsize


def test_more_than_memory_is_refused_though_one_axis_would_fit(implementation: Any) -> None:
    side = 2 + int((contract.MEMORY // 8) ** 0.5)
    x = small_integers((1, 1, 1, 1))
    with pytest.raises(ValueError, match="the padded input would have shape"):
        implementation.conv2d(x, np.ones((1, 1, 1, 1)), padding=((side, 0), (0, side)))
