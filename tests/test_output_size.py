"""The output-size law, proved by enumeration: the windows that one can count are as many as the formula says, and PyTorch.

`naive` counts where windows start and knows no formula; `vectorized` has the formula and counts nothing; PyTorch has its own.
"""

from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np
import pytest
import torch

from naive.windows import starts
from vectorized.windows import output_size

ROUNDINGS = ("exact", "floor", "ceil")


def geometries() -> Iterator[dict[str, Any]]:
    """Yield every small geometry of one axis whose window fits the padded input."""
    for W, F, S, P, D in product(range(1, 13), range(1, 13), range(1, 14), range(7), range(1, 4)):
        if D * (F - 1) + 1 <= W + 2 * P:
            yield {"size": W, "kernel": F, "stride": S, "padding": (P, P), "dilation": D}


GEOMETRIES = list(geometries())


def outcome(count: Any, **geometry: Any) -> int | str:
    """Return how many windows there are, or the words of the refusal."""
    try:
        found = count(1, **geometry)
    except ValueError as error:
        return str(error)
    return found if isinstance(found, int) else len(found)


def test_counting_agrees_with_the_formula_on_equal_sides() -> None:
    assert len(GEOMETRIES) > 10000
    for geometry, rounding in product(GEOMETRIES, ROUNDINGS):
        counted, formula = (outcome(f, **geometry, rounding=rounding) for f in (starts, output_size))
        assert counted == formula, (geometry, rounding)


def test_counting_agrees_with_the_formula_on_unequal_sides() -> None:
    for W, F, S, low, high, rounding in product(range(1, 8), range(1, 6), range(1, 6), range(4), range(4), ROUNDINGS[:2]):
        if W + low + high >= F:
            geometry = {"size": W, "kernel": F, "stride": S, "padding": (low, high), "dilation": 1, "rounding": rounding}
            assert outcome(starts, **geometry) == outcome(output_size, **geometry), geometry


def test_floor_is_what_pytorch_does() -> None:
    ones = {n: torch.ones(1, 1, n, dtype=torch.float64) for n in range(1, 13)}  # oneDNN would compile a kernel for each shape
    for geometry in GEOMETRIES:
        W, F, S, (P, _), D = geometry.values()
        theirs = torch.nn.functional.conv1d(ones[W], ones[F], None, S, P, D).shape[2]
        assert len(starts(1, **geometry, rounding="floor")) == theirs, geometry


def test_ceil_is_what_pytorch_does() -> None:
    pooled = [g for g in GEOMETRIES if 2 * g["padding"][0] <= g["kernel"]]
    partial = 0
    for geometry in pooled:
        W, F, S, (P, _), D = geometry.values()
        theirs = torch.nn.functional.max_pool1d(torch.ones(1, 1, W), F, S, P, D, ceil_mode=True).shape[2]
        found = starts(1, **geometry, rounding="ceil")
        assert len(found) == theirs, geometry
        partial += found[-1] + D * (F - 1) + 1 > W + 2 * P
    assert partial > 500  # the rule is not vacuous: so often there is a last, partial window


def test_exact_is_floor_where_the_windows_tile_and_an_error_elsewhere() -> None:
    refused = 0
    for geometry in GEOMETRIES:
        W, F, S, (P, _), D = geometry.values()
        last = starts(1, **geometry, rounding="floor")[-1]
        if last + D * (F - 1) + 1 == W + 2 * P:  # the last window ends where the padded input ends
            assert starts(1, **geometry, rounding="exact") == starts(1, **geometry, rounding="floor")
        else:
            refused += 1
            with pytest.raises(ValueError, match="is not an integer; rounding='floor' drops the remainder"):
                starts(1, **geometry, rounding="exact")
        if S == 1:
            assert last == W - D * (F - 1) - 1 + 2 * P  # stride 1 always tiles
    assert refused > 1000


@pytest.mark.parametrize("rounding", ["floor", "ceil"])
def test_the_functions_obey_the_law_on_both_axes(implementation: Any, rounding: str) -> None:
    x, sizes = np.ones((1, 1, 7, 11)), product((1, 2, 3), (2, 5), (0, 1), (1, 2), (1, 3))
    for F_h, F_w, P, S_h, S_w in sizes:
        kernel, stride = (F_h, F_w), (S_h, S_w)
        pad = min(P, F_h // 2)
        shape = (
            len(starts(0, 7, F_h, S_h, (pad, pad), 1, rounding)),
            len(starts(1, 11, F_w, S_w, (pad, pad), 1, rounding)),
        )
        got = implementation.max_pool2d(x, kernel, stride=stride, padding=pad, rounding=rounding)
        assert got.shape[2:] == shape
        assert implementation.avg_pool2d(x, kernel, stride=stride, padding=pad, rounding=rounding).shape[2:] == shape
        if rounding == "floor":
            got = implementation.conv2d(x, np.ones((1, 1, *kernel)), stride=stride, padding=pad, rounding="floor")
            assert got.shape[2:] == shape
