"""What each algorithm would cost, by the shape alone: how ``"auto"`` chooses. A few measured constants, and counts of the work.

    product    multiplications * MULTIPLY * (1 + SMALL/rows + SMALL/terms + SMALL/columns)      of one matrix product
    copy       values * (COPY + RUN/length)                                         values that stand in runs of a length
    add        values * (ADD + SHORT/length)                                        two read, one written
    step       values * (FUSED + STEP/length)                                       multiplied and added at once, by einsum
    dot        values * (DOT + BEGIN/length)                                        multiplied and added up, two runs of them
    turn       values * TURNED                                                      channels put next to each other
    call       CALL                                                                 the calls of NumPy for a block
    sharing    SHARING                                                              waking other threads, and waiting for them

Nanoseconds of one core. BLAS shares its products among the cores by itself; copies and sums are shared too, by threads of
ours, where that saves more than it costs. Only the ratios decide, and those differ little between machines;
``python -m benchmarks.constants`` measures them on yours.

Letters: N images, C channels, K filters, R×S taps, P×Q output cells; G groups.
"""

from collections.abc import Callable
from functools import lru_cache, partial
from math import gcd, log2
from typing import NamedTuple

from contract import Conv, Pair
from vectorized.strips import STRIP_BYTES
from vectorized.threads import workers

MULTIPLY, SMALL = 0.0205, 6.0
COPY, RUN = 0.09, 4.0
DEALT = 10  # the length of a run that costs what a value costs which is read or written by itself
SCATTERED = 1.1  # a value whose neighbours go elsewhere
ADD, SHORT = 0.15, 24.0  # a value that is added, and what a run of them costs besides
FUSED, STEP = 0.18, 20.0  # a product that einsum adds to a sum in one step, and what a run of them costs besides
DOT, BEGIN = 0.075, 20.0  # a product in a sum of products of two runs, and what a pair of runs costs besides
TURNED = 0.45  # a value that is turned round, so that channels stand next to each other, or turned back
SPILLED = 1.5  # what Winograd's transforms cost more, whose tiles are too many for the cache nearest to a core
SPREAD = 1.25  # what the inner sums of ``lines`` cost more, which are too many for that cache in dense layers
CALL = 10_000.0
SHARING = 200_000.0
ONCE_BYTES = 2**18  # of columns that are made all at once: there is nothing to keep in the cache


class Shape(NamedTuple):
    """The numbers that decide."""

    N: int
    C: int
    K: int
    G: int
    R: int
    S: int
    P: int
    Q: int
    pixels: int  # of a padded channel
    width: int  # of a padded row
    bare: int  # of a row without its padding
    itemsize: int
    stride: Pair
    dilation: Pair
    prepared: bool  # whether the filters are ready, as in a layer that is called again
    cores: int


class Work(NamedTuple):
    """What an algorithm has to do, in nanoseconds of one core: what BLAS does, and what NumPy does."""

    product: float
    rest: float

    def time(self, cores: int) -> float:
        """Return how long that takes so many cores: with NumPy's share on one of them, or shared out."""
        return min(self.product / cores + self.rest, (self.product + self.rest) / cores + SHARING)


def shape(a: Conv, count: Pair, prepared: bool) -> Shape:
    """Return the shape of a convolution with ``count`` = (P, Q) windows."""
    (N, C, H, W), (K, _, R, S) = a.x.shape, a.weight.shape
    width = W + sum(a.padding[1])
    pixels = (H + sum(a.padding[0])) * width
    return Shape(
        max(N, 1), C, K, a.groups, R, S, *count, pixels, width, W, a.x.itemsize, a.stride, a.dilation, prepared, workers()
    )


def product(rows: float, terms: float, columns: float, count: float) -> float:
    """Return the cost of ``count`` products of (rows, terms) and (terms, columns)."""
    return count * rows * terms * columns * MULTIPLY * (1 + SMALL / rows + SMALL / terms + SMALL / columns)


def copy(values: float, run: float) -> float:
    """Return the cost of copying values that stand in runs."""
    return values * (COPY + RUN / run)


def padded(s: Shape) -> float:
    """Return the cost of putting zeros around the pixels, or of dealing them out for a stride."""
    return copy(s.N * s.C * s.pixels, s.width if s.stride[1] == 1 else DEALT)


def dealt(s: Shape, row: int, rows: float) -> float:
    """Return the cost of laying pixels flat, so many rows of a channel; rows that are the image's own are one run."""
    run = DEALT if s.stride[1] > 1 else rows * row if row == s.bare else s.bare
    return copy(s.N * s.C * min(s.pixels, rows * row), run)


def phases(taps: int, stride: int, dilation: int) -> Pair:
    """Return in how many planes the cells stand that the taps of an axis read, and how far apart there two taps are."""
    period = stride // gcd(stride, dilation)
    return min(taps, period), period * dilation // stride


def pointwise(s: Shape) -> Work:
    """Products alone; a stride copies the pixels that it keeps."""
    kept = 0 if s.stride == (1, 1) else copy(s.N * s.C * s.P * s.Q, DEALT)
    return Work(product(s.K // s.G, s.C // s.G, s.P * s.Q, s.N * s.G), kept + CALL * s.N)


def strips(s: Shape) -> Work:
    """Padded pixels, columns in runs of Q, products."""
    columns = s.N * s.C * s.R * s.S * s.P * s.Q
    blocks = max(1, columns * s.itemsize / STRIP_BYTES)
    each = min(s.P * s.Q, s.P * s.Q * s.N / blocks)
    work = product(s.K // s.G, s.C // s.G * s.R * s.S, each, s.N * s.P * s.Q * s.G / each)
    return Work(work, padded(s) + copy(columns, s.Q if s.Q > 1 else s.P) + CALL * blocks)


def im2col(s: Shape) -> Work:
    """The same at once: fewer calls, where the columns are few."""
    work = strips(s)
    few = s.N * s.C * s.R * s.S * s.P * s.Q * s.itemsize <= ONCE_BYTES
    return Work(work.product, work.rest + (-CALL / 2 if few else work.rest + work.product))


def flat(s: Shape) -> Work:
    """Pixels, columns in long runs, zeros where they wrap, products, and a copy that drops what is between the windows."""
    row = max(s.Q, -(-s.bare // s.stride[1]))
    columns = s.N * s.C * s.R * s.S * s.P * row
    work = product(s.K // s.G, s.C // s.G * s.R * s.S, s.P * row, s.N * s.G)
    blocks = max(s.N, columns * s.itemsize / STRIP_BYTES)
    wrapped = s.N * s.C * s.R * s.S * s.P * min(row, (s.width - s.bare) / 2) * SCATTERED
    results = s.N * s.K * s.P * s.Q
    last = copy(results, s.Q) if row > s.Q else results * ADD  # what is between the windows is dropped, and the bias added
    planes = min(s.R, s.stride[0]) * min(s.S, s.stride[1])
    return Work(work, dealt(s, row, planes * s.P) + copy(columns, s.P * row) + wrapped + last + (1 + planes) * CALL * blocks)


def lines(s: Shape) -> Work:
    """Pixels, columns of one axis, zeros where they wrap and at their ends, products, their sums, and a copy as in ``flat``."""
    row, (planes, apart) = max(s.Q, -(-s.bare // s.stride[1])), phases(s.R, s.stride[0], s.dilation[0])
    together = STRIP_BYTES // ((s.C // s.G * s.S + s.K // s.G * s.R) * row * s.itemsize)  # rows of windows in a block
    if (-(-s.R // planes) - 1) * apart > min(s.P, max(1, together)):  # they reach far: a plane for each line
        planes = s.R
    rows = planes * s.P + (s.R - planes) * apart  # of all planes
    columns, inner = s.N * s.C * s.S * rows * row, s.N * s.K * s.R * rows * row / planes
    work = inner * (s.C // s.G * s.S * MULTIPLY + 2 * ADD)  # however thin, it is the writing that takes time
    blocks = max(s.N, (columns + inner) * s.itemsize / STRIP_BYTES)
    zeros = s.N * s.C * s.S * (rows * min(row, (s.width - s.bare) / 2) * SCATTERED + 2 * planes * RUN)
    sums = s.N * s.K * s.R * (s.P * row * ADD + SHORT)
    last = copy(s.N * s.K * s.P * s.Q, s.Q) if row > s.Q else 0
    pixels = dealt(s, row, rows * min(s.S, s.stride[1]))
    rest = pixels + copy(columns, rows * row) + zeros + sums + last + (1 + planes * (1 + s.S / 3)) * CALL * blocks
    return Work(work * SPREAD, rest * SPREAD) if s.G == 1 else Work(work, rest)


def channels_last(s: Shape) -> Work:
    """Pixels turned round, a product and a sum for each tap, in runs of channels, and results turned back."""
    results, pixels = s.N * s.K * s.P * s.Q, s.N * s.C * s.pixels
    blocks = max(1, (pixels + results) * s.itemsize / STRIP_BYTES)
    steps = results * s.R * s.S * (FUSED + STEP / min(s.C, s.N * s.C / blocks))
    return Work(0, steps + (pixels + results) * TURNED + 3 * CALL * blocks)


def shifted(s: Shape) -> Work:
    """Padded pixels, a product for each tap, and their sum."""
    wide = s.P * s.width
    work = product(s.K // s.G, s.C // s.G, wide, s.N * s.G * s.R * s.S)
    sums = s.N * s.K * wide * s.R * s.S * ADD + copy(s.N * s.K * s.P * s.Q, s.Q)
    return Work(work, padded(s) + sums + CALL * s.N * s.R * s.S)


def col2im(s: Shape) -> Work:
    """Products that make columns, and the sum that returns them: the way back, for the gradient of the input."""
    depth = s.K // s.G
    columns = s.N * s.C * s.R * s.S * s.P * s.Q
    work = product(s.C // s.G * s.R * s.S, depth, s.P * s.Q, s.N * s.G)
    add = ADD + RUN / s.Q if s.stride == (1, 1) else SCATTERED
    made = 2 * columns * SCATTERED / depth  # products of few terms are slow
    return Work(work, made + columns * add + CALL * max(1, columns * s.itemsize / STRIP_BYTES) * s.R * s.S / 4)


def dots(s: Shape) -> Work:
    """Pixels and results in rows with padding, and a dot product for each tap of each channel: for the gradient of filters."""
    (planes, below), (across, beside) = (phases(*axis) for axis in zip((s.R, s.S), s.stride, s.dilation, strict=True))
    wide = s.Q + (-(-s.S // across) - 1) * beside
    pixels = s.N * s.C * (planes * s.P + (s.R - planes) * below) * across * wide
    results = s.N * s.K * s.P * wide
    rows = copy(pixels, DEALT if s.stride[1] > 1 else wide) + copy(results, wide)
    steps = results * s.R * s.S * (DOT + BEGIN / (s.P * wide))
    blocks = max(1, (pixels / planes / across + results) * s.itemsize / STRIP_BYTES)
    return Work(0, rows + steps + (1 + 2 * planes * across) * CALL * blocks)


def turn(s: Shape, stride: Pair) -> float:
    """Filters turned round, and results put a ``stride`` apart, beside a convolution of shape ``s``: for that way back."""
    spread = 0 if stride == (1, 1) else copy(s.N * s.K * s.P * s.Q, DEALT)
    return s.K * s.C // s.G * s.R * s.S * SCATTERED + spread


def fft(s: Shape) -> Work:
    """Transforms of images, filters and results, and small complex products."""
    transforms = s.N * (s.C + s.K) + (0 if s.prepared else s.K * s.C // s.G)
    products = 8 * product(s.K // s.G, s.C // s.G, s.N, s.G * s.pixels / 2)  # of complex numbers
    return Work(products, transforms * s.pixels * ADD * 5 * log2(s.pixels) + 4 * CALL)


def winograd(m: int, s: Shape) -> Work:
    """Pixels dealt out, tiles, their transforms, products, the results' transforms and places; the filters' transform."""
    places, tiles = (m + 2) ** 2, s.N * -(-s.P // m) * (-(-s.Q // m) + 1)
    blocks = max(s.N, tiles * places * (s.C + max(s.C, s.K)) * s.itemsize / (2 * STRIP_BYTES))
    values = 0 if s.prepared else s.K * s.C // s.G * places
    dealt = copy(s.N * (s.C * s.pixels + s.K * s.P * s.Q), DEALT) + copy(s.C * places * tiles, tiles / blocks)
    transforms = 2 * (s.C * places + s.K * m * m) * places * tiles * MULTIPLY  # thin products reach half of the rate
    work = product(s.K // s.G, s.C // s.G, tiles / blocks, places * s.G * blocks)
    rest = values * (9 * MULTIPLY + SCATTERED) + dealt + transforms + 10 * CALL * blocks
    return Work(work, SPILLED * rest)


COSTS: dict[str, Callable[[Shape], Work]] = {
    "pointwise": pointwise,
    "strips": strips,
    "im2col": im2col,
    "flat": flat,
    "lines": lines,
    "channels_last": channels_last,
    "shifted": shifted,
    "fft": fft,
    "winograd2": partial(winograd, 2),
    "winograd4": partial(winograd, 4),
}
ALL = {**COSTS, "dots": dots}  # which is a way to gradients alone


def cost(name: str, s: Shape) -> float:
    """Return how long an algorithm takes, or a way to the gradient of filters."""
    return ALL[name](s).time(s.cores)


@lru_cache(maxsize=4096)  # a network calls the same layers again and again
def cheapest(names: tuple[str, ...], s: Shape) -> str:
    """Return the name whose algorithm costs least on this shape."""
    return min(names, key=lambda name: cost(name, s))
