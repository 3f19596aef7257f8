"""Measure the constants of ``vectorized.costs`` on this machine: ``python -m benchmarks.constants``. It changes nothing.

Each is measured by itself, on one core, on arrays of the sizes that layers have; the model's own values stand beside it.
Only their ratios decide what ``"auto"`` takes. Where they differ much from the model's, it may choose badly on this machine:
``python -m benchmarks --algorithms`` tells.
"""

import time
from collections.abc import Callable
from functools import partial
from statistics import linear_regression, median
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from vectorized import conv2d, costs

SECONDS = 0.2  # for each measurement


def measure(call: Callable[[], Any]) -> float:
    """Return the median time of a call in nanoseconds."""
    call()
    times: list[float] = []
    end = time.perf_counter() + SECONDS
    while time.perf_counter() < end or len(times) < 5:
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return 1e9 * median(times)


def product() -> tuple[float, float]:
    """Return what a multiplication takes in a large matrix product, and how many rows it takes to halve that of a thin one."""
    ones = [np.ones((n, n), np.float32) for n in (1024, 16)]
    wide = np.ones((16, 4096), np.float32)
    large = measure(lambda: ones[0] @ ones[0]) / 1024**3
    thin = measure(lambda: ones[1] @ wide) / (16 * 16 * 4096)  # 1 + SMALL/16 + SMALL/16 + SMALL/4096
    return large, (thin / large - 1) / (2 / 16 + 1 / 4096)


def copy() -> tuple[float, float, float]:
    """Return what a value takes that is copied, what a run of values takes besides, and the run that a dealt value is worth."""
    lengths, costs_of = (7, 14, 28, 56, 112), []
    for n in lengths:
        x, out = np.ones((64, n + 2, n + 2), np.float32), np.empty((64, 3, 3, n, n), np.float32)
        windows = np.lib.stride_tricks.sliding_window_view(x, (n, n), (1, 2))  # (64, 3, 3, n, n)
        costs_of.append(measure(lambda out=out, windows=windows: np.copyto(out, windows)) / out.size)
    fit = linear_regression([1 / n for n in lengths], costs_of)
    x, out = np.ones((64, 112, 112), np.float32), np.empty((64, 112, 56), np.float32)
    dealt = measure(lambda: np.copyto(out, x[:, :, ::2])) / out.size
    return fit.intercept, fit.slope, fit.slope / max(dealt - fit.intercept, 1e-3)


def scattered() -> float:
    """Return what a value takes that goes to a place of its own: of filters transformed to 36 places."""
    taps, places = np.ones((9, 2**16), np.float32), np.ones((36, 9), np.float32)
    return measure(lambda: places @ taps) / (36 * 2**16)


def add() -> tuple[float, float]:
    """Return what a value takes that is added to another, both in the cache, and what a run of them takes besides."""
    x, y = np.ones((2, 2**18), np.float32)
    each = measure(lambda: np.add(x, y, out=y)) / x.size
    rows, others = np.ones((2, 1024, 4, 49), np.float32)[:, :, 0]
    return each, measure(lambda: np.add(rows, others, out=others)) / len(rows) - 49 * each


def step() -> tuple[float, float]:
    """Return what einsum takes for a value that it multiplies and adds, and what a run of them takes besides."""
    lengths, costs_of = (32, 64, 128, 256, 512), []
    for n in lengths:
        x, taps, out = (np.ones((*size, n), np.float32) for size in ((14, 14), (3, 3), (12, 12)))
        windows = np.lib.stride_tricks.sliding_window_view(x, (3, 3), (0, 1))  # (12, 12, n, 3, 3)
        call = partial(np.einsum, "pqcrs,rsc->pqc", windows, taps, out=out)
        costs_of.append(measure(call) / (9 * out.size))
    fit = linear_regression([1 / n for n in lengths], costs_of)
    return fit.intercept, fit.slope


def dot() -> tuple[float, float]:
    """Return what a value of a dot product takes, in the cache, and what each such product takes besides."""
    lengths, costs_of = (56, 112, 224, 896, 3136), []
    for n in lengths:
        x, other = np.ones((64, 9, n), np.float32), np.ones((64, 1, n), np.float32)
        costs_of.append(measure(partial(np.vecdot, x, other)) / x.size)
    fit = linear_regression([1 / n for n in lengths], costs_of)
    return fit.intercept, fit.slope


def turned() -> float:
    """Return what a value takes that is turned round, so that channels stand next to each other."""
    x, out = np.ones((256, 28 * 28), np.float32), np.empty((28 * 28, 256), np.float32)
    return measure(lambda: np.copyto(out, x.T)) / x.size


def call() -> float:
    """Return what a block costs that has nothing to do."""
    x, weight = np.ones((1, 1, 4, 4), np.float32), np.ones((1, 1, 3, 3), np.float32)
    return measure(lambda: conv2d(x, weight, algorithm="strips")) / 4  # most of it is the call's, and not the block's


def main() -> None:
    """Measure and print."""
    with threadpool_limits(1):
        (multiply, small), (copied, run, dealt), (added, short), (fused, run_of_steps) = product(), copy(), add(), step()
        each_of_dots, begin = dot()
        measured = {
            "MULTIPLY": multiply, "SMALL": small, "COPY": copied, "RUN": run, "DEALT": dealt,
            "SCATTERED": scattered(), "ADD": added, "SHORT": short, "FUSED": fused, "STEP": run_of_steps,
            "DOT": each_of_dots, "BEGIN": begin, "TURNED": turned(), "CALL": call(),
        }  # fmt: skip
    print(f"{'':10}{'here':>10}{'model':>10}   nanoseconds; SMALL and DEALT are lengths")
    for name, value in measured.items():
        print(f"{name:10}{value:10.3g}{getattr(costs, name):10.3g}")


if __name__ == "__main__":
    main()
