"""What is done of the nine steps, and what is wrong: ``pytest exercises``. A step not filled in is skipped, as "to do"."""

import traceback
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from steps import STEPS, Step, suite

from verification.cases import literal

pytestmark = pytest.mark.filterwarnings("ignore")  # NumPy may warn of what it likes: the results are judged


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_step(step: Step, solution: ModuleType) -> None:
    """Compare one step with what is right, call by call, the smallest first."""
    function = getattr(solution, step.name, None)
    if function is None:
        pytest.skip("to do: there is no such function")
    for call in step.calls:
        right, got = outcome(step.right, **call), outcome(function, *call.values())
        if isinstance(got, NotImplementedError):
            pytest.skip(f"to do: {got}".removesuffix(": "))
        if not same(got, right):
            words = f"{shown(step.name, call)}\n\nshould {said(right)}\n\nbut it {said(got, 's')}"
            looks = [f"\n\nIt looks like this mistake: {sentence}." for sentence in mistakes(step, function)]
            if step.suite:  # it knows more mistakes, and more examples
                looks = [f"\n\nWhat is wrong, in words: {suite(solution)} -k {step.name}- -x"]
            pytest.fail(words + "".join(looks), pytrace=False)


def outcome(function: Any, *arguments: Any, **named: Any) -> Any:
    """Return what a function gives for copies of its arguments, or the error that it raises."""
    try:
        return function(*(v.copy() if isinstance(v, np.ndarray) else v for v in arguments), **named)
    except Exception as error:
        return error


def same(a: Any, b: Any) -> bool:
    """Return whether two outcomes are errors of one type, or the same numbers in the same shape."""
    if isinstance(a, Exception) or isinstance(b, Exception):
        return type(a) is type(b)
    if isinstance(a, tuple) or isinstance(b, tuple):
        return isinstance(a, tuple) and isinstance(b, tuple) and len(a) == len(b) and all(map(same, a, b))
    if type(b) is int and isinstance(a, float):  # a size
        return False
    return np.array_equal(a, b)


def mistakes(step: Step, function: Any) -> Iterator[str]:
    """Yield the mistakes that give what a function gives, call after call."""
    got = [outcome(function, *call.values()) for call in step.calls]
    for sentence, mistaken in step.mistakes.items():
        if all(same(outcome(mistaken, **call), each) for call, each in zip(step.calls, got, strict=True)):
            yield sentence


# --------------------------------------------------------------------------------------------------------------- words


def shown(name: str, call: dict[str, Any]) -> str:
    """Return a call as Python to paste."""
    arrays = [f"{key} = {literal(value)}\n" for key, value in call.items() if isinstance(value, np.ndarray)]
    given = [key if isinstance(value, np.ndarray) else f"{key}={value}" for key, value in call.items()]
    return f"{''.join(arrays)}{name}({', '.join(given)})"


def said(outcome: Any, ending: str = "") -> str:
    """Return an outcome in words, behind "should" or (ending in s) behind "it"."""
    if not isinstance(outcome, Exception):
        return f"give{ending}\n{outcome}" if isinstance(outcome, np.ndarray | tuple) else f"give{ending} {outcome!r}"
    lines = [f" (line {frame.lineno}: {frame.line})" for frame in traceback.extract_tb(outcome.__traceback__)[1:]]
    where = lines[-1:] if ending else []  # in the student's file, not in ours
    return f"raise{ending} {type(outcome).__name__}" + f": {outcome}" * bool(str(outcome)) + "".join(where)
