"""Hypothesis strategies for whole calls: sizes and options from geometry.py, and data from a seed.

    whole     small whole numbers, so that every sum is exact in its dtype and results must be equal to the bit
    real      numbers with all their digits, where only a bound can be asked for

Data come from a seed, so that a case is drawn quickly; seed 0, to which all shrinks, counts 1, 2, 3 ... Whole numbers are
drawn again where a flipped or rotated filter would have given the same result: such data could not tell right from wrong.
"""

from fractions import Fraction
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from contract import Array, carrier
from verification.abilities import Abilities, completed
from verification.cases import Case
from verification.geometry import Geometry, geometries
from verification.operations import ARGUMENTS, CONVOLUTIONS
from verification.oracles import exact

SEEDS = st.integers(0, 2**32 - 1)


@st.composite
def cases(draw: DrawFn, able: Abilities, dtypes: tuple[str, ...], regimes: tuple[str, ...] = ("whole", "real")) -> Case:
    """Draw a call that a function takes, in one of these dtypes and regimes."""
    dtype = np.dtype(draw(st.sampled_from(dtypes)))
    regime = draw(st.sampled_from(regimes))
    geometry = draw(geometries(able))
    biased = able.takes("bias") and draw(st.booleans())
    return filled(able.operation, geometry, dtype, regime, draw(SEEDS), biased=biased)


def filled(operation: str, geometry: Geometry, dtype: np.dtype[Any], regime: str, seed: int, *, biased: bool = False) -> Case:
    """Return a call of these sizes and options with data made from a seed."""
    for attempt in range(seed, seed + 4):
        case = _filled(operation, geometry, dtype, regime, attempt, biased)
        if regime != "whole" or operation not in CONVOLUTIONS or exact.tells_filters_apart(case):
            break
    return case


def _filled(operation: str, geometry: Geometry, dtype: np.dtype[Any], regime: str, seed: int, biased: bool) -> Case:
    """Return a call with data made from this seed, whatever they tell."""
    make = Data(dtype, regime, seed, terms(geometry))
    batch = () if geometry.batch is None else (geometry.batch,)
    x = (*batch, geometry.channels, *geometry.image)
    if operation not in CONVOLUTIONS:
        kernel = geometry.kernel[0] if geometry.kernel[0] == geometry.kernel[1] else geometry.kernel
        ordered = operation.startswith("max") and regime != "real"
        image = make.ordered(x) if ordered else make(x)
        return _with_gradient(Case(operation, {"x": image, "kernel_size": kernel}, geometry.options), make)
    shape = (geometry.filters, geometry.channels)
    first, second = shape[::-1] if operation.startswith("conv_transpose2d") else shape
    weight = make((first, second // geometry.options.get("groups", 1), *geometry.kernel), small=True)
    arguments: dict[str, Any] = {"x": make(x), "weight": weight}
    if biased and "bias" in ARGUMENTS[operation]:
        arguments["bias"] = make((geometry.filters,))
    return _with_gradient(Case(operation, arguments, geometry.options), make)


def _with_gradient(case: Case, make: "Data") -> Case:
    """Return the case of a gradient with an output's gradient, and any other with a bias of ``None`` if it has none."""
    if not case.operation.endswith("_backward"):
        return completed(case)
    g = make(exact.output_shape(case))
    return Case(case.operation, {"grad_output": g, **case.arguments}, case.options)


def terms(geometry: Geometry) -> int:
    """Return a number that no sum in any operation of these sizes exceeds in terms."""
    R, S = geometry.kernel
    groups = int(geometry.options.get("groups", 1))
    cells = (geometry.batch or 1) * (geometry.image[0] + 12) * (geometry.image[1] + 12)
    channels = max(geometry.channels, geometry.filters) // groups
    return max(channels * R * S, min(cells, 4000))


class Data:
    """Arrays of one dtype and regime, one after the other, from one seed."""

    def __init__(self, dtype: np.dtype[Any], regime: str, seed: int, terms: int) -> None:
        self.dtype, self.regime, self.seed = dtype, regime, seed
        self.random = np.random.default_rng(seed)
        bits = 11 if dtype == np.float16 else 24 if carrier(dtype) in (np.float32, np.complex64) else 40
        room = (1 << bits) // max(terms, 1) // (8 if dtype.kind == "c" else 1)
        self.small = max(1, min(9, int(room**0.5)))  # for weights: the largest value that keeps every sum exact
        self.large = max(1, min(99, room // self.small))

    def __call__(self, shape: tuple[int, ...], *, small: bool = False) -> Array:
        """Return an array of this shape."""
        if self.dtype == object:
            return self._fractions(shape)
        if self.dtype.kind == "c":
            part = np.dtype(f"f{self.dtype.itemsize // 2}")
            real, imaginary = (self._real(shape, part, small) for _ in range(2))
            return (real + 1j * imaginary[..., ::-1]).astype(self.dtype)
        return self._real(shape, self.dtype, small)

    def ordered(self, shape: tuple[int, ...]) -> Array:
        """Return an image that holds no value twice, in no order; by the seed, all negative or not."""
        size, cells = int(np.prod(shape)), shape[-2] * shape[-1]
        if size <= (2000 if self.dtype == np.float16 else 120 if self.dtype.itemsize == 1 else 30000):
            planes, cells = self.random.permutation(size) + 1, size
        else:  # too many for the dtype: no value twice in each plane
            planes = self.random.permuted(np.tile(np.arange(1, cells + 1), (size // cells, 1)), axis=1)
        lowered = 0 if self.dtype.kind == "u" else (0, cells + 1, cells // 2)[self.seed % 3]
        if self.regime == "full" and self.dtype.kind in "iu":  # from the type's lowest number up, or from its highest down
            info, steps = np.iinfo(self.dtype), (planes - 1).reshape(shape).astype(self.dtype)
            lowest, highest = np.array(info.min, self.dtype), np.array(info.max, self.dtype)
            return np.asarray(highest - steps if self.seed % 2 else lowest + steps)
        return np.asarray((planes - lowered).reshape(shape).astype(self.dtype))

    def _real(self, shape: tuple[int, ...], dtype: np.dtype[Any], small: bool) -> Array:
        """Return an array of real numbers."""
        if self.regime == "full" and dtype.kind in "iu":
            info = np.iinfo(dtype)
            return self.random.integers(info.min, info.max, shape, dtype, endpoint=True)
        if self.regime == "real":
            return self.random.standard_normal(shape).astype(dtype)
        most = self.small if small else self.large
        if self.seed == 0:
            return (np.arange(np.prod(shape)) % most + 1).reshape(shape).astype(dtype)
        signs = 1 if dtype.kind == "u" else self.random.choice((-1, 1), shape)
        return np.asarray(self.random.integers(1, most + 1, shape) * signs).astype(dtype)

    def _fractions(self, shape: tuple[int, ...]) -> Array:
        """Return an array of fractions."""
        size = int(np.prod(shape))
        above = np.arange(1, size + 1) if self.seed == 0 else self.random.integers(-9, 10, size)
        below = self.random.integers(1, 6, size)
        array = np.empty(size, dtype=object)
        array[:] = [Fraction(int(a), int(b)) for a, b in zip(above, below, strict=True)]
        return array.reshape(shape)
