"""Hypothesis strategies for whole calls: sizes and options from geometry.py, and data from a seed.

Data come from a seed (data.py), so that a case is drawn quickly; seed 0, to which all shrinks, counts 1, 2, 3 ... Whole numbers
are drawn again where a flipped or rotated filter would have given the same result: such data could not tell right from wrong.
"""

from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from verification.abilities import Abilities
from verification.cases import Case
from verification.data import Data
from verification.forms import completed
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
