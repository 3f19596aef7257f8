"""Max and average pooling and their gradients, by gathering and scattering.

Letters: N images, C channels, H×W pixels, R×S taps, P×Q windows.
"""

from typing import Any

import numpy as np

import contract
from contract import Array, Pool
from verification.bugs.reference.windows import Axis, Places, Windows
from verification.operations import OPTIONS


class Pooling(Windows):
    """The four poolings of the contract; each further method is one step of theirs, and one place for a bug."""

    def fill(self, dtype: np.dtype[Any]) -> Any:
        """Return what max pooling pads with."""
        return contract.lowest(dtype)

    def winner(self, values: Array, valid: Array) -> Array:
        """Return which of the values (..., R*S), of those that are valid, is the maximum: -1 where none is."""
        nan = values != values  # noqa: PLR0124 - NaN alone differs from itself
        best = np.where(nan, self.fill(values.dtype), values).max(-1, keepdims=True)
        first, nan = ((values == best) & valid).argmax(-1), nan & valid
        last_nan = values.shape[-1] - 1 - nan[..., ::-1].argmax(-1)
        won: Array = np.where(valid.any(-1), np.where(nan.any(-1), last_nan, first), -1)
        return won

    def index(self, row: Array, column: Array, v: tuple[Axis, Axis]) -> Array:
        """Return the flat place of (row, column) in the H×W plane."""
        found: Array = row * v[1].size + column
        return found

    def largest(self, a: Pool) -> tuple[Array, Array, tuple[Axis, Axis]]:
        """Return the maxima, where they stand (int64, -1 for nowhere), and the axes."""
        height, width = self.axes(a, a.kernel)
        rows, columns = self.places(height, width)
        taps = (height.windows, width.windows, height.kernel * width.kernel)
        windows = self.gather(a.x, (rows, columns), self.fill(a.x.dtype)).swapaxes(3, 4)  # (N, C, P, Q, R, S)
        windows = windows.reshape(*a.x.shape[:2], *taps)
        row, column = np.broadcast_arrays(rows[:, None, :, None], columns[:, None, :])
        row, column = row.reshape(taps), column.reshape(taps)
        won = self.winner(windows, np.broadcast_to((row >= 0) & (column >= 0), windows.shape))
        y = np.take_along_axis(windows, won[..., None], -1)[..., 0]
        i, j = np.ogrid[: height.windows, : width.windows]
        found = self.index(row[i, j, won], column[i, j, won], (height, width))
        return y, np.where(won < 0, -1, found).astype(np.int64), (height, width)

    def max_pool2d(self, x: Any, kernel_size: Any, **options: Any) -> Any:
        """Gather and take the largest."""
        options = OPTIONS["max_pool2d"] | options
        wanted = contract.flag("return_indices", options.pop("return_indices"))
        a = contract.max_pool2d(x, kernel_size, **options)
        y, indices, _ = self.largest(a)
        return (self.finish(y, a), indices if a.batched else indices[0]) if wanted else self.finish(y, a)

    def max_pool2d_backward(self, grad_output: Any, x: Any, kernel_size: Any, **options: Any) -> Array:
        """Send each gradient to where its maximum stands."""
        a = contract.max_pool2d(x, kernel_size, **OPTIONS["max_pool2d_backward"] | options)
        y, indices, _ = self.largest(a)
        g = contract.gradient(grad_output, a.x, y.shape, a.batched).astype(self.carrier(a.x.dtype))
        plane = np.zeros((*a.x.shape[:2], a.x.shape[2] * a.x.shape[3] + 1), g.dtype)  # one more, for those at -1
        n, c = np.ogrid[: a.x.shape[0], : a.x.shape[1]]
        with np.errstate(all="ignore"):
            self.add_at(plane, (n[..., None, None], c[..., None, None], indices), g)
            return self.finish(plane[:, :, :-1].reshape(a.x.shape), a)

    def divisor(self, v: Axis, count_include_pad: bool) -> Array:
        """Return how many cells each window has along one axis: inside the padded image, or inside the image."""
        starts = [i * v.stride - v.low for i in range(v.windows)]
        low, high = (-v.low, v.size + v.high) if count_include_pad else (0, v.size)
        return np.array([min(start + v.kernel, high) - max(start, low) for start in starts], object)

    def shares(self, a: Pool, count_include_pad: bool, override: int | None, dtype: np.dtype[Any]) -> tuple[Places, Array]:
        """Return the places of all windows, and the divisor (P, Q) of each."""
        height, width = self.axes(a, a.kernel)
        divisors = self.divisor(height, count_include_pad)[:, None] * self.divisor(width, count_include_pad)
        if override is not None:
            divisors[...] = override
        return self.places(height, width), divisors.astype(dtype)

    def mean(self, windows: Array, divisors: Array) -> Array:
        """Return the mean of the windows (N, C, P, R, Q, S)."""
        means: Array = windows.sum((3, 5), windows.dtype) / divisors
        return means

    def avg_pool2d(self, x: Any, kernel_size: Any, **options: Any) -> Array:
        """Gather, sum and divide."""
        a, count, override = contract.avg_pool2d(x, kernel_size, **OPTIONS["avg_pool2d"] | options)
        dtype = self.carrier(a.x.dtype)
        places, divisors = self.shares(a, count, override, dtype)
        with np.errstate(all="ignore"):
            return self.finish(self.mean(self.gather(a.x.astype(dtype), places, 0), divisors), a)

    def avg_pool2d_backward(self, grad_output: Any, x: Any, kernel_size: Any, **options: Any) -> Array:
        """Give every cell of a window the same share of its gradient."""
        a, count, override = contract.avg_pool2d(x, kernel_size, **OPTIONS["avg_pool2d_backward"] | options)
        dtype = self.carrier(a.x.dtype)
        (rows, columns), divisors = self.shares(a, count, override, dtype)
        g = contract.gradient(grad_output, a.x, (*a.x.shape[:2], *divisors.shape), a.batched).astype(dtype)
        with np.errstate(all="ignore"):
            share = (g / divisors)[:, :, :, None, :, None]  # (N, C, P, 1, Q, 1)
            stamps = np.broadcast_to(share, (*a.x.shape[:2], len(rows), rows.shape[1], len(columns), columns.shape[1]))
            return self.finish(self.scatter(stamps, (rows, columns), a.x.shape), a)
