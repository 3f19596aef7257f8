"""At the edges of blocks every path gives what naive gives, and in scratch memory full of NaN the same to the bit."""

import numpy as np
import pytest

from blocks import EDGES, Edge, check, of_dtype, run
from vectorized import ALGORITHMS, filters

each_edge = pytest.mark.parametrize("edge", EDGES, ids=[edge.name for edge in EDGES])
EXACT = [edge for edge in EDGES if edge.algorithm not in ("fft", "winograd2", "winograd4") and "mean" not in edge.name]


def test_every_algorithm_is_there() -> None:
    assert {edge.algorithm for edge in EDGES} == {"", *ALGORITHMS}
    assert len({edge.case.operation for edge in EDGES}) == 8


@each_edge
def test_at_the_edge_of_a_block(edge: Edge, monkeypatch: pytest.MonkeyPatch) -> None:
    counts = edge.shrink(monkeypatch)
    got = run(edge.case, edge.algorithm)
    assert counts == edge.blocks  # or else this is no edge
    check(edge.case, got, edge.algorithm)


def poison(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fill every array that comes without values, scratch memory or ``np.empty``, with NaN, or the largest integer."""
    take, empty = filters.Scratch.take, np.empty

    def full(array: np.ndarray) -> np.ndarray:
        if array.dtype != object:
            array.fill(np.iinfo(array.dtype).max if array.dtype.kind in "iu" else np.nan)
        return array

    monkeypatch.setattr(filters.Scratch, "take", lambda *a: full(take(*a)))
    monkeypatch.setattr(np, "empty", lambda *a, **o: full(empty(*a, **o)))


@each_edge
def test_scratch_full_of_nan(edge: Edge, monkeypatch: pytest.MonkeyPatch) -> None:
    edge.shrink(monkeypatch)
    clean = run(edge.case, edge.algorithm)
    poison(monkeypatch)
    for a, b in zip(run(edge.case, edge.algorithm), clean, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("edge", EXACT, ids=[edge.name for edge in EXACT])
def test_integers_in_scratch_full_of_the_largest(edge: Edge, monkeypatch: pytest.MonkeyPatch) -> None:
    edge.shrink(monkeypatch)
    floats = run(edge.case, edge.algorithm)
    poison(monkeypatch)
    for a, b in zip(run(of_dtype(edge.case, np.int64), edge.algorithm), floats, strict=True):
        assert a.dtype == np.int64
        np.testing.assert_array_equal(a, b)
