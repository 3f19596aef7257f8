"""Windows along one axis, every small one: sums and maxima against their definition, whichever taps meet the image."""

from itertools import product
from typing import Any

import numpy as np
import pytest

import contract
import naive
import vectorized
from contract import Pool
from vectorized import running


def axes() -> list[tuple[Pool, int]]:
    """Return every way to lay windows along an axis of up to nine cells, and how many windows there are."""
    found = []
    for size, kernel, stride, dilation in product(range(1, 10), range(1, 10), (1, 2, 3), (1, 2)):
        for before in range(kernel // 2 + 1):
            room = size + 2 * before - dilation * (kernel - 1) - 1
            if room >= 0:
                x = np.arange(1, size + 1).reshape(1, 1, size, 1) * 7 % 11
                x = np.concatenate([x, 20 - x], 1)  # two planes, one after the other
                a = Pool(x, (kernel, 1), (stride, 1), ((before, before), (0, 0)), (dilation, 1), "floor", True)
                found += [(a, room // stride + 1), (a, room // stride + 2)]  # a last, partial window too
    return found


AXES = axes()


def due(a: Pool, plane: int, count: int, combine: Any, nothing: int) -> list[int]:
    """Return what the windows of a plane give, one by one."""
    values, before = a.x[0, plane].ravel().tolist(), a.padding[0][0]
    cells = [[i * a.stride[0] + r * a.dilation[0] - before for r in range(a.kernel[0])] for i in range(count)]
    seen = [[values[p] for p in window if 0 <= p < len(values)] for window in cells]
    return [combine(window) if window else nothing for window in seen]


def turned(a: Pool) -> Pool:
    """Return the same with height and width exchanged."""
    return Pool(a.x.swapaxes(2, 3), *(pair[::-1] for pair in a[1:5]), *a[5:])


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("way", [running.flat, running.pooled])
@pytest.mark.parametrize(("operation", "combine", "start"), [(np.add, sum, 0), (np.maximum, max, -1000)])
def test_every_small_axis(
    operation: Any, combine: Any, start: int, way: Any, axis: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    if way is running.pooled:
        monkeypatch.setattr(running, "flat", None)
        monkeypatch.setattr(running, "NARROW", 0)
        monkeypatch.setattr(running, "FEW", 99)
    for a, count in AXES:
        laid, shape = (turned(a), (1, 2, 1, count)) if axis else (a, (1, 2, count, 1))
        y = np.full(shape, 99)
        if way is running.flat:
            y = running.flat(operation, laid, laid.x, shape, y.dtype, start, running.room(laid, y.shape[2:]))
        else:
            y = running.pooled(operation, laid, laid.x, y, start)
        assert y[0].reshape(2, -1).tolist() == [due(a, plane, count, combine, start) for plane in (0, 1)], (a, count)


def test_a_long_window_takes_few_steps() -> None:
    steps = []

    def maximum(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        steps.append(len(b))
        return np.maximum(a, b)

    row = np.random.default_rng(0).integers(0, 99, 40)
    expected = [row[i : i + 13].max() for i in range(28)]
    assert running.doubled(maximum, row, 13, 1).tolist() == expected
    assert steps == [39, 37, 33, 28]  # windows of 2, 4, 8 and 13


KINDS = ("f2", "f4", "f8", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8")


@pytest.mark.parametrize("kind", KINDS)
def test_where_the_first_of_the_largest_stands(kind: str) -> None:
    """Of values at the dtype's ends, infinities and zeros of both signs, every pair side by side."""
    dtype = np.dtype(kind)
    ends = contract.lowest(dtype), (np.inf if dtype.kind == "f" else np.iinfo(dtype).max)
    some = [-1.5, -0.0, 0.0, 5e-8, 1.5] if dtype.kind == "f" else [0, 1, 100]
    values = np.array([*ends, *some, *([-1] if dtype.kind == "i" else [])], dtype)
    pairs = np.array(list(product(values, values)), dtype).reshape(1, -1, 1, 2)
    y, places = vectorized.max_pool2d(pairs, (1, 2), padding=(0, 1), stride=1, return_indices=True)
    left, right = pairs[0, :, 0].T
    np.testing.assert_array_equal(y[0, :, 0], np.stack([left, np.maximum(left, right), right], 1))
    np.testing.assert_array_equal(places[0, :, 0], np.stack([np.zeros_like(left), right > left, np.ones_like(left)], 1))


@pytest.mark.parametrize("kind", KINDS)
def test_a_window_that_sees_nothing(kind: str) -> None:
    lowest = contract.lowest(np.dtype(kind))
    x = np.full((1, 1, 3, 3), 5, kind)
    y, places = vectorized.max_pool2d(x, (2, 2), padding=1, dilation=4, stride=1, return_indices=True)  # corners alone
    assert (y.tolist(), places.tolist()) == ([[[[lowest]]]], [[[[-1]]]])


WIDER = [
    (size, kernel, padding, dilation)
    for size in product((1, 2), (1, 2, 3, 5))
    for kernel in product((1, 2, 3), (2, 4, 5, 6))
    for dilation in product((1, 2), (1, 2))
    for padding in product(*(range(k // 2 + 1) for k in kernel))
    if all(d * (k - 1) < n + 2 * p for n, k, p, d in zip(size, kernel, padding, dilation, strict=True))
]


def test_a_window_wider_than_the_image() -> None:
    """Beside the image a window meets the lowest number; below it there may be a whole row of them."""
    random = np.random.default_rng(0)
    for size, kernel, padding, dilation in WIDER:
        x = random.choice([-np.inf, 1.0, 2.0], (2, 3, *size))
        x[0, 0] = np.arange(x[0, 0].size).reshape(size)  # the last is the largest
        given: dict[str, Any] = {"stride": 1, "padding": padding, "dilation": dilation}
        ours, theirs = (f.max_pool2d(x, kernel, **given, return_indices=True) for f in (vectorized, naive))
        for a, b in zip(ours, theirs, strict=True):
            np.testing.assert_array_equal(a, b, f"{size} {kernel} {given}")
        g = random.integers(1, 9, ours[0].shape).astype(float)
        ours, theirs = (f.max_pool2d_backward(g, x, kernel, **given) for f in (vectorized, naive))
        np.testing.assert_array_equal(ours, theirs, f"{size} {kernel} {given}")


@pytest.mark.parametrize("kernel", [(1, 129), (1, 255), (1, 256), (1, 257), (256, 1), (5, 51), (16, 16), (40, 10), (10, 40)])
def test_a_window_of_more_taps_than_a_byte_can_count(kernel: tuple[int, int]) -> None:
    cells = kernel[0] * kernel[1]
    for place in (0, 1, 127, 128, 254, 255, cells - 1):
        x = np.zeros((1, 1, *kernel))
        x.flat[min(place, cells - 1)] = 1
        y, places = vectorized.max_pool2d(x, kernel, return_indices=True)
        assert (y.item(), places.item()) == (1, min(place, cells - 1))
