"""NumPy's buffers are held small within a call of many values, in all of its threads, and nowhere else."""

from collections.abc import Callable
from threading import Barrier, get_ident
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import vectorized
from benchmarks import buffers as benchmark
from vectorized import buffers

ROWS = {"x": np.ones((1, 4, 9, 9)), "weight": np.ones((4, 4, 3, 3))}
BACK = {"x": ROWS["x"], "grad_output": np.ones((1, 4, 7, 7)), "weight": ROWS["weight"]}
CALLS: dict[str, tuple[Callable[[], Any], int]] = {  # and how many values they are about
    "conv2d": (lambda: vectorized.conv2d(**ROWS, algorithm="strips"), 4 * 7 * 7),
    "Conv2d": (lambda: vectorized.Conv2d(ROWS["weight"], algorithm="strips")(ROWS["x"]), 4 * 7 * 7),
    "conv2d_backward": (lambda: vectorized.conv2d_backward(**BACK), 4 * 7 * 7 + 4 * 9 * 9),
    "conv_transpose2d": (lambda: vectorized.conv_transpose2d(**ROWS), 4 * 11 * 11),
    "conv_transpose2d_backward": (
        lambda: vectorized.conv_transpose2d_backward(np.ones((1, 4, 11, 11)), **ROWS),
        4 * 11 * 11 + 4 * 9 * 9,
    ),
    "max_pool2d_backward": (lambda: vectorized.max_pool2d_backward(np.ones((1, 4, 8, 8)), ROWS["x"], 2, stride=1), 4 * 9 * 9),
}


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list of the sizes of the buffer wherever NumPy multiplies or adds at places in a call."""
    sizes: list[int] = []

    def told(function: Any) -> Any:
        return lambda *arguments, **options: (sizes.append(np.getbufsize()), function(*arguments, **options))[-1]

    monkeypatch.setattr(np, "matmul", told(np.matmul))
    monkeypatch.setattr(np, "add", SimpleNamespace(at=told(np.add.at), reduce=np.add.reduce))
    return sizes


@pytest.mark.parametrize(("call", "values"), CALLS.values(), ids=CALLS)
def test_they_are_held_while_a_call_of_many_values_lasts(
    call: Callable[[], Any], values: int, seen: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = np.getbufsize()
    for few, size in ((values, before), (values - 1, buffers.VALUES)):
        monkeypatch.setattr(buffers, "FEW", few)
        seen.clear()
        call()
        assert set(seen) == {size}
        assert np.getbufsize() == before


def test_they_are_held_in_helping_threads_too(
    share: Callable[[int], None], seen: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    share(2)
    monkeypatch.setattr(buffers, "FEW", 0)
    monkeypatch.setattr(vectorized.strips, "STRIP_BYTES", 1)
    monkeypatch.setattr(vectorized.threads, "SHARE_MACS", 1)
    both, threads, matmul = Barrier(2, timeout=20), set(), np.matmul

    def met(*arguments: Any, **options: Any) -> Any:
        if get_ident() not in threads:
            threads.add(get_ident())
            both.wait()
        return matmul(*arguments, **options)

    monkeypatch.setattr(np, "matmul", met)
    vectorized.conv2d(np.ones((1, 4, 9, 9)), ROWS["weight"], algorithm="strips")
    assert set(seen) == {buffers.VALUES}
    assert len(threads) == 2


def test_an_own_size_comes_back_after_an_error() -> None:
    with np.errstate():
        np.setbufsize(4096)
        with pytest.raises(ValueError, match="channels"):
            vectorized.conv2d(np.ones((1, 3, 200, 200)), np.ones((4, 2, 3, 3)))
        vectorized.conv2d(np.ones((1, 3, 200, 200)), np.ones((4, 3, 3, 3)))
        assert np.getbufsize() == 4096


def test_the_benchmark_prints_a_line_for_each_length(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in (("LENGTHS", (16, 32)), ("SECONDS", 1e-5), ("REPEAT", 1)):
        monkeypatch.setattr(benchmark, name, value)
    benchmark.main()
    _, sizes, *lines = capsys.readouterr().out.splitlines()
    assert sizes.split() == ["row", "buffer", "8192", "buffer", str(buffers.VALUES), "buffer", "16"]
    assert [(line.split()[0], len(line.split())) for line in lines] == [("16", 5), ("32", 5)]
    assert np.getbufsize() == 8192
