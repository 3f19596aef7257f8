"""Trust: no check passes what does nothing, or always the same; and what is rare is really drawn."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings

import naive
import vectorized
from verification import geometry, profiles
from verification.abilities import abilities
from verification.cases import Case
from verification.checks import CHECKS
from verification.implementation import Implementation
from verification.labels import labels
from verification.operations import OPERATIONS
from verification.outcome import Check, Log
from verification.runner import run_check
from verification.strategies import cases

JUDGED = [pytest.param(c, operation, id=f"{operation}-{c.name}") for c in CHECKS.values() for operation in c.operations]


def raises(_: Callable[..., Any]) -> Callable[..., Any]:
    """Return an implementation that always raises."""

    def function(*_: Any, **__: Any) -> Any:
        raise ValueError("no")

    return function


def declines(_: Callable[..., Any]) -> Callable[..., Any]:
    """Return an implementation that never is finished."""

    def function(*_: Any, **__: Any) -> Any:
        raise NotImplementedError

    return function


def zeros(right: Callable[..., Any]) -> Callable[..., Any]:
    """Return an implementation whose results have the right shapes and nothing in them."""

    def function(*arguments: Any, **options: Any) -> Any:
        found = right(*arguments, **options)
        return tuple(map(np.zeros_like, found)) if isinstance(found, tuple) else np.zeros_like(found)

    return function


def stale(right: Callable[..., Any]) -> Callable[..., Any]:
    """Return an implementation that gives what was asked for in the call before."""
    last: list[Any] = []

    def function(*arguments: Any, **options: Any) -> Any:
        last.append(right(*arguments, **options))
        return last[max(len(last) - 2, 0)]

    return function


@pytest.mark.parametrize("bad", [raises, declines, zeros, stale])
@pytest.mark.parametrize(("check", "operation"), JUDGED)
def test_no_check_passes_what_does_nothing(check: Check, operation: str, bad: Callable[..., Any]) -> None:
    function = bad(getattr(vectorized, operation))
    implementation = Implementation.of(SimpleNamespace(**{operation: function}), "bad")
    assert run_check(implementation, operation, check, smallest=False).verdict != "passed"


@pytest.mark.parametrize("operation", OPERATIONS)
def test_who_knows_the_sizes_of_one_run_fails_the_next(operation: str) -> None:
    known: set[str] = set()
    learning = True

    def sizes(case: Case) -> str:
        return str([np.shape(v) if isinstance(v, np.ndarray) else v for v in (*case.arguments.values(), case.options)])

    class Learned(Implementation):
        def __call__(self, case: Case) -> Any:
            if learning:
                known.add(sizes(case))
            found = super().__call__(case)
            if sizes(case) in known:
                return found
            return tuple(map(np.zeros_like, found)) if isinstance(found, tuple) else np.zeros_like(found)

    functions = {operation: getattr(vectorized, operation)}
    implementation = Learned("learned", functions, strict=True)
    assert run_check(implementation, operation, CHECKS["exact"]).verdict == "passed"
    learning = False
    profiles.use("default")  # draws anew
    assert run_check(implementation, operation, CHECKS["exact"], smallest=False).verdict == "failed"


COMMON = {
    *(
        "batch of 0",
        "batch of 1",
        "batch of 5",
        "unbatched",
        "rows past 32",
        "rows past 64",
        "columns past 32",
        "columns past 64",
    ),
    *(
        "1 channels",
        "3 channels",
        "channels past 17",
        "unequal kernel",
        "unequal stride",
        "1x1 window",
        "1x1 window with stride",
    ),
    *("height and width differ", "stride beyond the window", "padding pair"),
}
RARE = {
    "conv2d": {
        *("1x1 window with padding", "padding beyond the window", "four different paddings", "padding sides", "padding same"),
        *("padding valid", "grouped", "depthwise", "depthwise with a multiplier", "left over, floor", "bias"),
        "window = padded input",
    },
    "conv_transpose2d": {
        *("1x1 window with padding", "padding beyond the window", "grouped", "depthwise", "output_padding given", "bias"),
    },
    "max_pool2d": {"a partial window", "a partial window that does not count", "left over, floor", "dilation given"},
    "avg_pool2d": {"a partial window", "left over, floor", "count_include_pad given", "divisor_override given"},
}


def drawn(operation: str) -> set[str]:
    """Return the labels of a few hundred cases."""
    able = abilities(Implementation.of(vectorized, "vectorized", strict=True), operation, Log())
    found: set[str] = set()

    @seed(1)
    @settings(
        max_examples=800,
        derandomize=False,
        database=None,
        deadline=None,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    @given(cases(able, ("float64", "float32"), ("real",)))
    def draw(case: Case) -> None:
        found.update(labels(case))

    draw()
    return found


@pytest.mark.parametrize("operation", RARE)
def test_rare_cases_are_drawn(operation: str) -> None:
    assert (COMMON | RARE[operation]) - drawn(operation) == set()


def test_without_its_flavours_the_rare_is_not_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(geometry, "CONV_FLAVOURS", ("small",))
    assert {"rows past 32", "channels past 17"} & drawn("conv2d") == set()


def test_an_empty_batch_that_only_a_shortcut_minds() -> None:
    """What once was ours: one pixel for a window, or one window for a plane, was worked out by a reshape to -1."""

    def conv2d(x: Any, weight: Any, *rest: Any, **options: Any) -> Any:
        if np.shape(weight)[2:] == (1, 1) and options.get("padding", 0) == 0:
            np.reshape(x, (len(x), -1))
        return naive.conv2d(x, weight, *rest, **options)

    def avg_pool2d(x: Any, kernel_size: Any, **options: Any) -> Any:
        if np.shape(x)[-1] == kernel_size:
            np.reshape(x, (len(x), -1))
        return naive.avg_pool2d(x, kernel_size, **options)

    mine = Implementation.of(SimpleNamespace(conv2d=conv2d, avg_pool2d=avg_pool2d), "mine", strict=True)
    for operation in ("conv2d", "avg_pool2d"):
        found = run_check(mine, operation, CHECKS["sizes"])
        assert found.verdict == "failed"
        assert found.failure is not None
        assert "cannot reshape array of size 0" in found.failure.message
