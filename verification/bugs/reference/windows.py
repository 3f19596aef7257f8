"""Windows on an image as index arithmetic: where each tap reads, gathering and scattering by it.

Cell ``i*S + r*D - low`` is what tap r of window i reads. All eight operations gather through such places, or scatter back:

    gather    windows[n, c, i, r, j, s] = x[n, c, rows[i, r], columns[j, s]]
    scatter   x[n, c, rows[i, r], columns[j, s]] += stamps[n, c, i, r, j, s]

A place outside the image is -1: the extra last row or column of a frame, which holds the padding and catches what is lost.

Letters: N images, C channels, H×W pixels, R×S taps, P×Q windows.
"""

from typing import Any, NamedTuple

import numpy as np

import contract
from contract import Array, Conv, Pool

Places = tuple[Array, Array]  # rows (P, R), columns (Q, S)


class Axis(NamedTuple):
    """One axis of an image with windows on it."""

    size: int
    kernel: int
    stride: int
    low: int  # padding before
    high: int  # padding after
    dilation: int
    windows: int  # how many


class Windows:
    """What every operation shares; each method is one place for a bug."""

    def axes(self, a: Conv | Pool, kernel: tuple[int, ...]) -> tuple[Axis, Axis]:
        """Return both axes of ``a.x`` under its windows."""
        height, width = self.given(
            *(
                Axis(a.x.shape[2 + i], kernel[i], a.stride[i], a.padding[i][0], a.padding[i][1], a.dilation[i], 0)
                for i in (0, 1)
            )
        )
        height, width = (v._replace(windows=self.count(i, v, a.rounding)) for i, v in enumerate((height, width)))
        contract.memory_fits("the result", (*a.x.shape[:2], height.windows, width.windows), a.x.itemsize)
        return self.bent(height, width)

    def given(self, height: Axis, width: Axis) -> tuple[Axis, Axis]:
        """Return the axes as the options have them; bent, the size of the result goes wrong with them."""
        return height, width

    def bent(self, height: Axis, width: Axis) -> tuple[Axis, Axis]:
        """Return the axes that the windows are placed on; bent, the size of the result stays right."""
        return height, width

    def count(self, axis: int, v: Axis, rounding: str) -> int:
        """Return how many windows there are: (W - F + 2P)/S + 1."""
        whole, rest = divmod(v.low + v.size + v.high - contract.reach(v.kernel, v.dilation), v.stride)
        if rest and rounding == "exact":
            raise contract.untiled(axis, v.size, v.kernel, v.stride, (v.low, v.high), v.dilation)
        partial = rest and rounding == "ceil" and (whole + 1) * v.stride < v.low + v.size
        return whole + 1 + bool(partial)

    def position(self, v: Axis, i: int, r: int) -> int:
        """Return the place of tap r of window i, in the coordinates of the image."""
        return i * v.stride + r * v.dilation - v.low

    def cell(self, v: Axis, place: int) -> int:
        """Return ``place`` if the image has it, else -1."""
        return place if 0 <= place < v.size else -1

    def places(self, height: Axis, width: Axis) -> Places:
        """Return what every window reads: rows (P, R) and columns (Q, S), -1 where that is padding."""
        rows, columns = (
            np.array([[self.cell(v, self.position(v, i, r)) for r in range(v.kernel)] for i in range(v.windows)]).reshape(
                v.windows, v.kernel
            )
            for v in (height, width)
        )
        return rows, columns

    def gather(self, x: Array, places: Places, fill: Any) -> Array:
        """Return the windows (N, C, P, R, Q, S) of x (N, C, H, W)."""
        frame = np.full((*x.shape[:2], x.shape[2] + 1, x.shape[3] + 1), fill, x.dtype)
        frame[:, :, :-1, :-1] = x
        return frame[:, :, places[0][:, :, None, None], places[1]]

    def scatter(self, stamps: Array, places: Places, shape: tuple[int, ...]) -> Array:
        """Return the sum of the stamps (N, C, P, R, Q, S) that fall on each cell of an image (N, C, H, W)."""
        frame = np.zeros((*shape[:2], shape[2] + 1, shape[3] + 1), stamps.dtype)
        self.add_at(frame, (slice(None), slice(None), places[0][:, :, None, None], places[1]), stamps)
        return frame[:, :, :-1, :-1]

    def add_at(self, frame: Array, index: Any, stamps: Array) -> None:
        """Add stamps that may fall on one cell many times."""
        np.add.at(frame, index, stamps)

    def carrier(self, dtype: np.dtype[Any]) -> np.dtype[Any]:
        """Return the dtype that sums are carried in."""
        return contract.carrier(dtype)

    def finish(self, y: Array, a: Conv | Pool) -> Array:
        """Return a result with the dtype, and the number of axes, that x came with."""
        result: Array = y.astype(a.x.dtype)
        return result if a.batched else result[0]
