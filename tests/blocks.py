"""Calls at the edges of blocks, by construction: sizes one below, at and one above whole blocks of rows, images or tiles.

Each edge says how small a block is to be, so that a few cells make several, and how many blocks the call must then come to.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import contract
import naive
import vectorized
from samples import small_integers
from vectorized import (
    avg_pool,
    channels_last,
    costs,
    dots,
    flat,
    gradients,
    lines,
    max_pool,
    pointwise,
    running,
    shifted,
    strips,
    winograd,
)
from verification.cases import Case
from verification.compare import judge
from verification.oracles.exact import expected
from verification.outcome import Log

SIZES = ((strips, "STRIP_BYTES"), (shifted, "STRIP_BYTES"), (flat, "STRIP_BYTES"), (winograd, "BLOCK_BYTES"))
SIZES += ((running, "BLOCK_BYTES"), (channels_last, "STRIP_BYTES"), (dots, "STRIP_BYTES"))
ITEM = 8  # bytes: all data are float64 or int64
BENT = {"stride": (2, 3), "padding": ((2, 1), (1, 3)), "dilation": (1, 2), "rounding": "floor"}
PLAIN: dict[str, Any] = {}
PADDED = {"padding": ((2, 1), (1, 2))}
WIDE = {**PADDED, "dilation": (2, 4)}  # a window reaches further than the padding is wide


@dataclass(frozen=True)
class Edge:
    """A call, the block size that puts an edge there, and how often which functions are called (or get items) for it."""

    name: str
    case: Case
    sized: ModuleType  # the module whose block size matters
    nbytes: int
    blocks: dict[tuple[ModuleType, str], int]
    way: tuple[tuple[ModuleType, str, Any], ...] = ()  # what is put in place of a choice by cost

    @property
    def algorithm(self) -> str:
        """Return the algorithm, or nothing where the operation has no choice."""
        return self.name.split()[0] if self.case.operation == "conv2d" else ""

    def choose(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Take this edge's way, whatever it costs."""
        for module, name, value in self.way:
            monkeypatch.setattr(module, name, value)

    def shrink(self, monkeypatch: pytest.MonkeyPatch) -> dict[tuple[ModuleType, str], int]:
        """Make blocks as small as this edge has them; return the counts that a call will leave."""
        monkeypatch.setattr(self.sized, dict(SIZES)[self.sized], self.nbytes)
        for name in ("ENOUGH_COLUMNS", "LEAST_COLUMNS"):
            monkeypatch.setattr(strips, name, 1)
        self.choose(monkeypatch)
        counts = dict.fromkeys(self.blocks, 0)
        for module, name in self.blocks:
            monkeypatch.setattr(module, name, _counted(counts, module, name))
        return counts


def _counted(counts: dict[tuple[ModuleType, str], int], module: ModuleType, name: str) -> Any:
    """Return a function of a module that counts its calls, or, if it shares out items, those."""
    function = getattr(module, name)

    def counted(*arguments: Any, **options: Any) -> Any:
        if name in ("products", "each"):
            arguments = (arguments[0], list(arguments[1]), *arguments[2:])
        counts[module, name] += len(arguments[1]) if name in ("products", "each") else 1
        return function(*arguments, **options)

    return counted


def run(case: Case, algorithm: str = "") -> tuple[np.ndarray, ...]:
    """Return all arrays that a call of ours gives."""
    chosen = {"algorithm": algorithm} if algorithm else {}
    got = getattr(vectorized, case.operation)(*case.arguments.values(), **case.options, **chosen)
    return got if isinstance(got, tuple) else (got,)


def check(case: Case, got: tuple[np.ndarray, ...], algorithm: str = "") -> None:
    """Fail unless a result is naive's to the bit; of a weaker error class, unless it is within that bound of the exact one."""
    error_class = vectorized.ALGORITHMS[algorithm].error_class if algorithm in vectorized.ALGORITHMS else "gamma"
    if error_class != "gamma":
        judge(case, expected(case), got, Log(), error_class)
        return
    wanted = getattr(naive, case.operation)(*case.arguments.values(), **case.options)
    for a, b in zip(got, wanted if isinstance(wanted, tuple) else (wanted,), strict=True):
        assert (a.dtype, a.shape) == (b.dtype, b.shape)
        np.testing.assert_array_equal(a, b)


def around(size: int) -> list[int]:
    """Return sizes one below, at and one above one and two blocks."""
    return [blocks * size + off for blocks in (1, 2) for off in (-1, 0, 1)]


def convolution(operation: str, count: tuple[int, int], sizes: tuple[int, ...], options: dict[str, Any], N: int = 2) -> Case:
    """Return a convolution of ``count`` = (P, Q) windows, with ``sizes`` = (C, K, R, S, G); or its backward."""
    C, K, *taps, G = sizes
    strides, dilations = options.get("stride", (1, 1)), options.get("dilation", (1, 1))
    pads = options.get("padding", ((0, 0), (0, 0)))
    H, W = ((n - 1) * s + d * (t - 1) + 1 - sum(p) for n, s, d, t, p in zip(count, strides, dilations, taps, pads, strict=True))
    x, weight, bias = small_integers((N, C, H, W)), small_integers((K, C // G, *taps)), small_integers((K,), seed=2)
    arguments = {"x": x, "weight": weight, "bias": bias if count[0] % 2 else None}
    if operation == "conv2d_backward":
        arguments = {"grad_output": small_integers((N, K, *count), seed=1), "x": x, "weight": weight}
    return Case(operation, arguments, {**options, "groups": G})


def of_dtype(case: Case, dtype: Any) -> Case:
    """Return the same call in another dtype."""
    cast = {k: v.astype(dtype) if isinstance(v, np.ndarray) else v for k, v in case.arguments.items()}
    return Case(case.operation, cast, case.options)


BIAS_APART = ((strips, "FEW", 0), (pointwise, "FEW", 0))  # added to the product, and not by a row of ones


def convolutions() -> Iterator[Edge]:
    """Yield the edges of the algorithms that work in blocks."""
    for options in (PLAIN, WIDE, BENT):
        for P in around(3):
            case, row = convolution("conv2d", (P, 5), (3, 4, 3, 2, 1), options), 3 * 3 * 2 * 5 * ITEM
            each = 2 * -(-P // 3)  # of two images
            yield Edge(f"strips rows {P}", case, strips, 3 * row, {(strips, "block_columns"): each})
            yield Edge(f"strips rows {P}, bias apart", case, strips, 3 * row, {(strips, "block_columns"): each}, BIAS_APART)
            a = contract.conv2d(*case.arguments.values(), *(_options(case)))
            lay = flat.layout(a, P, 5)
            yield Edge(f"flat rows {P}", case, flat, 3 * (18 + 4) * lay.width * ITEM, {(flat, "stretch_rows"): each})
            stretched = {(lines, "stretch_lines"): 2 * sum(_planes(options, rows) for rows in _cut(P))}
            yield Edge(f"lines rows {P}", case, flat, 3 * (3 * 2 + 4 * 3) * lay.width * ITEM, stretched)
            if options is not BENT:
                width = a.x.shape[3] + sum(a.padding[1])
                yield Edge(f"shifted rows {P}", case, shifted, 3 * 2 * 4 * width * ITEM, {(shifted, "products"): each})
        for n in around(2):
            case = convolution("conv2d", (4, 5), (3, 4, 3, 2, 1), options, N=n)
            yield Edge(f"strips images {n}", case, strips, 2 * 4 * row, {(strips, "block_columns"): -(-n // 2)})
            case = convolution("conv2d", (4, 5), (2 * n, 3 * n, 3, 2, n), options)
            lay, each = flat.layout(contract.conv2d(*case.arguments.values(), *(_options(case))), 4, 5), 2 * -(-n // 2)
            plane = 4 * lay.width * ITEM
            yield Edge(f"flat groups {n}", case, flat, 2 * (12 + 3) * plane, {(flat, "stretch_rows"): each})
            stretched = {(lines, "stretch_lines"): each * _planes(options, 4)}
            yield Edge(f"lines groups {n}", case, flat, 2 * (2 * 2 + 3 * 3) * plane, stretched)
            case = convolution("conv2d", (4, 5), (n, 2 * n, 3, 2, n), options)
            seen = {(channels_last, "windows_of"): each if n > 1 else 1}  # two images of one channel make a block
            yield Edge(f"channels_last channels {n}", case, channels_last, 2 * _channel(case, 4 * 5 * 2), seen)
    case = convolution("conv2d", (4, 5), (3, 4, 3, 2, 1), PLAIN)  # a row is more than a block: rows one by one
    yield Edge("shifted single rows", case, shifted, 1, {(shifted, "products"): 2 * 4})
    for options in (PLAIN, BENT):  # and those that have no blocks
        yield Edge("im2col", convolution("conv2d", (4, 5), (4, 6, 3, 2, 2), options), strips, 1, {})
        yield Edge("fft", convolution("conv2d", (4, 5), (4, 6, 3, 2, 2), options), strips, 1, {})
        strided = {"stride": options.get("stride", (1, 1)), "rounding": "floor"}
        for G, K, way in ((1, 6, ()), (1, 9, ()), (1, 9, BIAS_APART), (2, 6, ())):
            case = convolution("conv2d", (3, 5), (4, K, 1, 1, G), strided)
            yield Edge(f"pointwise {G} {K}{', bias apart' * bool(way)}", case, strips, 1, {}, way)
    for m, P in ((m, m * tiles + off) for m in (2, 4) for tiles in (2, 4) for off in (-1, 0, 1)):
        for Q in (2 * m - 1, 2 * m, 2 * m + 1):
            case, n = convolution("conv2d", (P, Q), (4, 6, 3, 3, 2), PADDED), m + 2
            row = (-(-Q // m) + 1) * n * n * (4 + 6) * ITEM
            each = 2 * -(-P // (2 * m))
            yield Edge(f"winograd{m} tiles {P}x{Q}", case, winograd, 2 * row, {(winograd, "gather"): each})
    for m in (2, 4):  # what comes out of the tiles is more than what went in
        case = convolution("conv2d", (5, 6), (1, 10, 3, 3, 1), PADDED)
        yield Edge(f"winograd{m} one channel, ten filters", case, winograd, winograd.BLOCK_BYTES, {(winograd, "gather"): 2})


def _cut(P: int) -> list[int]:
    """Return how many rows the blocks have that P rows are cut into, three at most in each."""
    return [-(-P * (n + 1) // -(-P // 3)) - -(-P * n // -(-P // 3)) for n in range(-(-P // 3))]


def _planes(options: dict[str, Any], rows: int) -> int:
    """Return from how many planes three lines read so many rows of windows: each from one of its own if they reach further."""
    stride, dilation = options.get("stride", (1, 1))[0], options.get("dilation", (1, 1))[0]
    if stride == 2:  # lines 0 and 2 are a row apart
        return 2
    return 1 if rows >= 2 * dilation else 3


def _channel(case: Case, results: int) -> int:
    """Return the bytes of a padded channel, and of so many results."""
    sides = case.options.get("padding", ((0, 0), (0, 0)))
    height, width = (n + sum(p) for n, p in zip(case.arguments["x"].shape[2:], sides, strict=True))
    return (height * width + results) * ITEM


def _options(case: Case) -> Iterator[Any]:
    """Yield the options of a convolution in the contract's order."""
    yield from map(case.option, ("stride", "padding", "dilation", "groups", "rounding"))


BY_COLUMNS = ((costs, "turn", lambda *_: np.inf), (costs, "cheapest", lambda names, _: names[0]))
TURNED = ((costs, "col2im", lambda _: costs.Work(np.inf, 0)), (costs, "cheapest", lambda names, _: names[0]))


def _taking(name: str) -> tuple[ModuleType, str, Any]:
    """Return what takes one algorithm where it can be taken, and the first of all where not."""
    return costs, "cheapest", lambda names, _: name if name in names else names[0]


FILTERS_LINES, FILTERS_VECTORS, FILTERS_DOTS = (
    ((costs, "turn", lambda *_: np.inf), _taking(name)) for name in ("lines", "channels_last", "dots")
)
FLAT, LINES, VECTORS = (
    ((costs, "col2im", lambda _: costs.Work(np.inf, 0)), _taking(name)) for name in ("flat", "lines", "channels_last")
)


def backwards() -> Iterator[Edge]:
    """Yield the edges of both backward passes and of the transposed convolution, which share the blocks of ``strips``."""
    columns, back, forward = (gradients, "block_columns"), (gradients, "add_back"), (strips, "block_columns")
    for name, way in (("turned", TURNED), ("flat", FLAT), ("lines", LINES)):
        for G, options, P in ((G, options, P) for G in (1, 2) for options in (PLAIN, PADDED, BENT) for P in around(3)):
            case = convolution("conv2d_backward", (P, 5), (4, 6, 3, 3, G), options)
            yield Edge(f"backward, {name}, groups {G}, rows {P}", case, strips, 3 * 36 * 5 * ITEM, {back: 0}, way)
            flat_row = (9 * 4 // G + 6 // G) * (7 if options is PLAIN else 5) * ITEM  # PLAIN: seven pixels; else five windows
            yield Edge(f"backward, {name}, in flat rows, groups {G}, rows {P}", case, flat, 3 * flat_row, {back: 0}, way)
    for G, options, P in ((G, options, P) for G in (1, 2) for options in (PLAIN, BENT) for P in around(3)):
        case = convolution("conv2d_backward", (P, 5), (4, 6, 3, 3, G), options)
        row = (3 * 4 // G + 6 // G) * (5 if options is BENT else 7) * ITEM  # flat rows of 7 pixels; of 13, every third
        each = {(lines, "stretch_lines"): 2 * G * sum(_planes(options, n) for n in _cut(P)) if G > 1 else 0}  # or by columns
        yield Edge(f"backward, filters by lines, groups {G}, rows {P}", case, flat, 3 * row, each, FILTERS_LINES)
    for n, options in ((n, options) for n in around(2) for options in (PADDED, BENT)):
        case = convolution("conv2d_backward", (4, 5), (n, 2 * n, 3, 2, n), options)
        each, channel = {(channels_last, "windows_of"): 2 * -(-n // 2) if n > 1 else 0}, _channel(case, 4 * 5 * 2)
        yield Edge(f"backward, filters as vectors, channels {n}", case, channels_last, 2 * channel, each, FILTERS_VECTORS)
        planes, wide = (1, 5 + 1) if options is PADDED else (2 * 2, 5)  # strides of 2 and 3, and two taps across
        nbytes = 2 * (4 + (2 if options is PADDED else 1) + 2 * 4) * wide * ITEM
        each = {(dots, "lay_out"): planes * 2 * -(-n // 2) if n > 1 else 0, columns: 0 if n > 1 else 1}
        yield Edge(f"backward, filters by dots, channels {n}", case, dots, nbytes, each, FILTERS_DOTS)
        case = convolution("conv2d_backward", (4, 5), (n, n, 3, 3, n), options)
        yield Edge(f"backward, vectors, channels {n}", case, channels_last, 2 * channel, {back: 0}, VECTORS)
    for options, G in ((PLAIN, 1), (BENT, 1), (BENT, 2)):
        row = 4 * 3 * 2 * 5 * ITEM
        transposed = {k: v for k, v in options.items() if k != "rounding"} | ({"padding": (2, 1)} if options else {})
        for what, sizes, unit in (("rows", around(3), 3 * row), ("images", around(2), 2 * 4 * row)):
            for n in sizes:
                count, N = ((n, 5), 2) if what == "rows" else ((4, 5), n)
                each = 2 * -(-n // 3) if what == "rows" else -(-n // 2)
                case = convolution("conv2d_backward", count, (4, 6, 3, 2, G), options, N)
                yield Edge(f"backward, groups {G}, {what} {n}", case, strips, unit, {columns: each, back: each}, BY_COLUMNS)
                x, weight = small_integers((N, 6, *count)), small_integers((6, 4 // G, 3, 2))
                case = Case("conv_transpose2d", {"x": x, "weight": weight}, {**transposed, "groups": G})
                yield Edge(f"transposed, groups {G}, {what} {n}", case, strips, unit, {back: each}, BY_COLUMNS)
                g = small_integers(vectorized.conv_transpose2d(x, weight, **case.options).shape, seed=1)
                case = Case("conv_transpose2d_backward", {"grad_output": g, **case.arguments}, case.options)
                yield Edge(
                    f"transposed backward, groups {G}, {what} {n}",
                    case,
                    strips,
                    unit,
                    {columns: each, forward: each},
                    BY_COLUMNS,
                )


def pools() -> Iterator[Edge]:
    """Yield the edges of pooling, whose blocks are planes."""
    options = {"stride": (2, 1), "padding": (1, 1), "rounding": "floor"}
    for n in around(2):
        x = small_integers((3, n, 6, 7))  # seven values: ties everywhere
        g = 5040 * small_integers((3, n, 3, 7), seed=1)  # divisible by every number of cells
        back, forward = {"grad_output": g, "x": x, "kernel_size": (4, 3)}, {"x": x, "kernel_size": (4, 3)}
        mean, largest = (avg_pool, "each"), (max_pool, "each")
        plane, each = 8 * 9 * ITEM, 3 * -(-n // 2) if n > 1 else 2  # two images of one channel make a block
        yield Edge(f"mean {n}", Case("avg_pool2d", forward, options), running, 2 * plane, {mean: each})
        yield Edge(f"mean backward {n}", Case("avg_pool2d_backward", back, options), running, 2 * plane, {mean: each})
        indexed = {**options, "return_indices": True}
        yield Edge(f"maximum {n}", Case("max_pool2d", forward, options), running, 2 * plane, {largest: each})
        yield Edge(f"maximum and place {n}", Case("max_pool2d", forward, indexed), running, 2 * plane, {largest: each})
        yield Edge(f"maximum backward {n}", Case("max_pool2d_backward", back, options), running, 2 * plane, {largest: 2 * each})
        images = {"x": np.ascontiguousarray(small_integers((n, 3, 6, 7))), "kernel_size": (4, 3)}
        yield Edge(f"maximum images {n}", Case("max_pool2d", images, indexed), running, 6 * plane, {largest: -(-n // 2)})
    x, g = small_integers((2, 1, 5, 5)), 4 * small_integers((2, 1, 2, 2), seed=1)  # cells that no window has, and cut windows
    gaps = {"stride": 3, "padding": 1, "rounding": "floor"}
    for name in ("avg_pool2d_backward", "max_pool2d_backward"):
        case = Case(name, {"grad_output": g, "x": x, "kernel_size": 2}, gaps)
        module, each = (avg_pool, 1) if name.startswith("avg") else (max_pool, 2)
        kind = "mean" if module is avg_pool else "maximum"
        yield Edge(f"{kind} backward, gaps 2", case, running, running.BLOCK_BYTES, {(module, "each"): each})


EDGES = [*convolutions(), *backwards(), *pools()]
