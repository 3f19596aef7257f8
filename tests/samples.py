"""Data for the tests: numbers on which every sum is exact, and one valid call of each function of the contract."""

from fractions import Fraction
from typing import Any

import numpy as np


def small_integers(shape: tuple[int, ...], dtype: Any = np.float64, seed: int = 0) -> np.ndarray:
    """Return integers of at most three in magnitude: every sum of their products is exact in every float dtype."""
    rng = np.random.default_rng([seed, *shape])
    values = rng.integers(-3, 4, shape)
    if np.dtype(dtype).kind == "c":
        values = values + 1j * rng.integers(-3, 4, shape)
    return values.astype(dtype)


def fractions(start: str, stop: str, shape: tuple[int, ...]) -> np.ndarray:
    """Return ``numpy.linspace(start, stop)`` without rounding, in a shape."""
    first, last, count = Fraction(start), Fraction(stop), int(np.prod(shape))
    values = [first + i * (last - first) / (count - 1) for i in range(count)]
    return np.array(values, object).reshape(shape)


def grid(*shape: int, first: int = 0) -> np.ndarray:
    """Return first, first + 1, ... as a plane (1, 1, H, W), in float64."""
    return np.arange(first, first + np.prod(shape), dtype=float).reshape(1, 1, *shape)


# One valid call of each function. The windows of the convolution tile: (3 - 2)/1 + 1 rows, (5 - 3)/1 + 1 columns.
X, WEIGHT, TRANSPOSED = small_integers((1, 2, 3, 5)), small_integers((4, 2, 2, 3)), small_integers((2, 4, 2, 3))
CALLS: dict[str, dict[str, Any]] = {
    "conv2d": {"x": X, "weight": WEIGHT, "bias": np.zeros(4)},
    "conv2d_backward": {"grad_output": small_integers((1, 4, 2, 3)), "x": X, "weight": WEIGHT},
    "conv_transpose2d": {"x": X, "weight": TRANSPOSED, "bias": np.zeros(4)},
    "conv_transpose2d_backward": {"grad_output": small_integers((1, 4, 4, 7)), "x": X, "weight": TRANSPOSED},
    "max_pool2d": {"x": X, "kernel_size": (3, 5)},
    "max_pool2d_backward": {"grad_output": small_integers((1, 2, 1, 1)), "x": X, "kernel_size": (3, 5)},
    "avg_pool2d": {"x": X, "kernel_size": (3, 5)},
    "avg_pool2d_backward": {"grad_output": small_integers((1, 2, 1, 1)), "x": X, "kernel_size": (3, 5)},
}
