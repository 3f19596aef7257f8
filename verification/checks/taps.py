"""Which cell every tap of every window reads, each tap bounds-checked; and every small plane there is, none left out.

    reads[p, r, i]   whether tap r of window i reads cell p, i.e. p = i*stride + r*dilation - low
    lands[p, r, i]   whether tap r of cell p's stamp lands on cell i of a transposed convolution

One axis at a time: which cells a plane's windows read follows from its two axes, and that is what the checks put to the test.

Letters: H×W pixels, R×S taps, P×Q windows, or cells of a transposed convolution's result.
"""

from collections.abc import Iterable, Iterator
from functools import cache
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from contract import Array, Pair
from verification.operations import OPTIONS, POOLS

NONE_EVEN_UNEVEN = ((0, 0), (1, 1), (0, 1))
SIZES = ((3, 4), (5, 2))  # a wide plane and a tall one, for both axes at a time
TILED = ((2, 4), (3, 6), (4, 6), (6, 4), (6, 3))  # by windows of 2 or 3, side by side


class Axis(NamedTuple):
    """One axis of an image with windows on it."""

    size: int
    kernel: int
    stride: int = 1
    low: int = 0
    high: int = 0
    dilation: int = 1
    extra: int = 0  # output_padding

    @property
    def reach(self) -> int:
        """Return how many cells a window spans."""
        return 1 + sum(self.dilation for _ in range(1, self.kernel))

    @property
    def solid(self) -> "Axis":
        """Return the axis with windows that read every cell from their first tap to their last."""
        return self._replace(kernel=self.reach, dilation=1)


class Plane(NamedTuple):
    """Both axes of an image, and what becomes of windows that do not tile it: ``"floor"`` or ``"ceil"``."""

    height: Axis
    width: Axis
    rounding: str = "floor"

    @property
    def size(self) -> Pair:
        """Return (H, W)."""
        return self.height.size, self.width.size

    @property
    def taps(self) -> Pair:
        """Return (R, S)."""
        return self.height.kernel, self.width.kernel

    @property
    def windows(self) -> Pair:
        """Return (P, Q)."""
        return len(starts(self.height, self.rounding)), len(starts(self.width, self.rounding))

    @property
    def result(self) -> Pair:
        """Return (P, Q) of a transposed convolution."""
        return lands(self.height).shape[2], lands(self.width).shape[2]

    @property
    def tiled(self) -> bool:
        """Return whether the windows tile the padded plane exactly."""
        return all((v.low + v.size + v.high - v.reach) % v.stride == 0 for v in (self.height, self.width))

    def options(self, operation: str) -> dict[str, Any]:
        """Return the options of a call, each in its plainest form, and only those that differ from their defaults."""
        h, w = self.height, self.width
        even = (h.low, w.low) == (h.high, w.high)
        stride = plain(h.stride, w.stride)
        found = {
            "stride": None if operation in POOLS and stride == plain(*self.taps) else stride,
            "padding": plain(h.low, w.low) if even else ((h.low, h.high), (w.low, w.high)),
            "dilation": plain(h.dilation, w.dilation),
            "output_padding": plain(h.extra, w.extra),
            "rounding": "ceil" if self.rounding == "ceil" else "exact" if self.tiled else "floor",
        }
        defaults = OPTIONS[operation]
        return {name: value for name, value in found.items() if name in defaults and value != defaults[name]}


def plain(height: int, width: int) -> int | Pair:
    """Return one int where both axes agree: some implementations take no pairs."""
    return height if height == width else (height, width)


@cache
def starts(axis: Axis, rounding: str) -> tuple[int, ...]:
    """Return where the windows start, in the image's coordinates: one after the other, for as long as they fit."""
    found, start = [], -axis.low
    while start + axis.reach <= axis.size + axis.high:
        found.append(start)
        start += axis.stride
    if rounding == "ceil" and found and found[-1] + axis.reach < axis.size + axis.high and start < axis.size:
        found.append(start)  # the partial window: it starts inside the image or its left padding
    return tuple(found)


@cache
def reads(axis: Axis, rounding: str) -> Array:
    """Return reads[p, r, i], (size, kernel, windows)."""
    place = np.array(starts(axis, rounding)) + axis.dilation * np.arange(axis.kernel)[:, np.newaxis]  # (kernel, windows)
    return np.asarray(place == np.arange(axis.size)[:, np.newaxis, np.newaxis])


@cache
def lands(axis: Axis) -> Array:
    """Return lands[p, r, i], (size, kernel, cells of the result)."""
    place = axis.stride * np.arange(axis.size)[:, np.newaxis] + axis.dilation * np.arange(axis.kernel) - axis.low
    cells = (axis.size - 1) * axis.stride + axis.reach + axis.extra - axis.low - axis.high
    return np.asarray(place[:, :, np.newaxis] == np.arange(max(cells, 0)))


def inside(axis: Axis, rounding: str) -> Array:
    """Return how many cells of each window lie in the image or its padding, (windows,): a partial window has fewer."""
    first = np.array(starts(axis, rounding))
    return np.asarray(np.minimum(first + axis.kernel, axis.size + axis.high) - first)


def operator(plane: Plane, transposed: bool = False) -> Array:
    """Return (H*W, R*S, P*Q): 1.0 where a tap of a window reads a cell (transposed: where a cell's stamp lands)."""
    if transposed:
        vertical, horizontal = lands(plane.height), lands(plane.width)
    else:
        vertical, horizontal = reads(plane.height, plane.rounding), reads(plane.width, plane.rounding)
    both = vertical[:, np.newaxis, :, np.newaxis, :, np.newaxis] & horizontal[:, np.newaxis, :, np.newaxis, :]
    (H, R, P), (W, S, Q) = vertical.shape, horizontal.shape
    return both.reshape(H * W, R * S, P * Q).astype(np.float64)


# ----------------------------------------------------------------------------------------------------- every small plane


@cache
def conv_planes(backward: bool) -> tuple[Plane, ...]:
    """Return the planes of a convolution, the smallest first: each axis alone in a wide range, both in a narrower one."""
    sides = tuple(product(range(3), range(3)))
    alone = beside(axes(range(1, 6), range(1, 5), sides, range(1, 4)))
    both = crossed(SIZES[:1] if backward else SIZES, NONE_EVEN_UNEVEN, range(1, 3))
    return smallest_first([*alone, *both])


@cache
def pool_planes(dilated: bool) -> tuple[Plane, ...]:
    """Return the planes of a pooling, the smallest first; where windows do not tile, both with and without a partial one."""
    sides = ((0, 0), (1, 1), (2, 2))
    alone = beside(axes(range(1, 7), range(1, 5), sides, range(1, 4 if dilated else 2)))
    both = [*alone, *crossed(SIZES, sides[:2], range(1, 3 if dilated else 2)), *squares(), *wider()]
    allowed = [plane for plane in both if all(2 * v.low <= v.kernel for v in plane[:2])]
    return smallest_first([*allowed, *(plane._replace(rounding="ceil") for plane in allowed)])


@cache
def transposed_planes(backward: bool) -> tuple[Plane, ...]:
    """Return the planes of a transposed convolution, the smallest first, with every ``output_padding``."""
    sides = ((0, 0), (1, 1), (2, 2))
    alone = beside(stamps(range(1, 4 if backward else 5), range(1, 4), sides, range(1, 3), 3))
    heights, widths = (list(stamps(range(n, n + 1), range(1, 3 + (n == 3)), sides[:2], range(1, 3), 2)) for n in (2, 3))
    both = [*alone, *(Plane(h, w) for h, w in product(heights, widths))]
    return smallest_first(plane for plane in both if min(plane.result) > 0)


@cache
def channel_planes(transposed: bool) -> tuple[Plane, ...]:
    """Return the planes on which channels and groups are probed."""
    sides = ((0, 0), (1, 1))
    heights, widths = (list(stamps(range(n, n + 1), range(1, 3), sides, range(1, 3), 1)) for n in (2, 3))
    planes = [Plane(h, w) for h, w in product(heights, widths)]
    return smallest_first(plane for plane in planes if min(plane.result if transposed else plane.windows) > 0)


@cache
def pool_footprint_planes(dilated: bool) -> tuple[Plane, ...]:
    """Return the planes of a pooling on which NaN and Inf are put."""
    chosen = (SIZES[0], *TILED)
    return tuple(p for p in pool_planes(dilated) if p.size in chosen and max(p.height.dilation, p.width.dilation) < 3)


def axes(sizes: range, kernels: range, pads: tuple[Pair, ...], dilations: range) -> Iterator[Axis]:
    """Yield every axis on which a window fits, with strides 1 to 3; a single tap has no dilation."""
    return (axis for axis in stamps(sizes, kernels, pads, dilations, 1) if starts(axis, "floor"))


def stamps(sizes: range, kernels: range, pads: tuple[Pair, ...], dilations: range, extras: int) -> Iterator[Axis]:
    """Yield every axis of a transposed convolution, with each ``output_padding`` below ``extras`` that it may have."""
    for size, kernel, stride, (low, high), dilation in product(sizes, kernels, range(1, 4), pads, dilations):
        if kernel > 1 or dilation == 1:
            for extra in range(min(extras, max(stride, dilation))):
                yield Axis(size, kernel, stride, low, high, dilation, extra)


def beside(found: Iterable[Axis]) -> Iterator[Plane]:
    """Yield planes with each axis as their height and as their width, beside a plain axis of another size."""
    for axis in found:
        other = Axis(3, 1) if axis.size == 2 else Axis(2, 1)
        yield Plane(axis, other)
        yield Plane(other, axis)


def crossed(sizes: tuple[Pair, ...], pads: tuple[Pair, ...], dilations: range) -> Iterator[Plane]:
    """Yield every height with every width."""
    for H, W in sizes:
        heights, widths = (axes(range(n, n + 1), range(1, 4), pads, dilations) for n in (H, W))
        yield from (Plane(h, w) for h, w in product(heights, widths))


def wider() -> Iterator[Plane]:
    """Yield planes of one or two pixels in padding, with windows next to each other that reach over both of its edges."""
    for H, W in ((1, 2), (2, 1)):
        heights, widths = (axes(range(n, n + 1), range(2, 6), ((1, 1), (2, 2)), range(1, 2)) for n in (H, W))
        yield from (Plane(h, w) for h, w in product(heights, widths) if h.stride == w.stride == 1)


def squares() -> Iterator[Plane]:
    """Yield planes with square windows that tile them: all that a pooling with one int takes."""
    for (H, W), kernel, stride in product(TILED, (1, 2, 3), (1, 2, 3)):
        plane = Plane(Axis(H, kernel, stride), Axis(W, kernel, stride))
        if min(plane.windows) > 0 and plane.tiled:
            yield plane


def smallest_first(planes: Iterable[Plane]) -> tuple[Plane, ...]:
    """Return the planes without repetition, by the size of their arrays and then of their options."""

    def cells(p: Plane) -> tuple[Any, ...]:
        return np.prod(p.size) * np.prod(p.taps), p.rounding == "ceil", sum(p.height) + sum(p.width), p

    return tuple(sorted(set(planes), key=cells))
