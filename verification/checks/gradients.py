"""Gradients: held against the function whose gradients they are, by three arguments that do not need each other.

    adjoint      ⟨f(x, w), g⟩ = ⟨x, grad_x⟩ = ⟨w, grad_w⟩, exactly in whole numbers, and grad_bias = sum of g
    differences  ⟨f(x + d) - f(x), g⟩ = ⟨d, grad_x⟩, likewise for w: f is linear in each, so that differences are exact
    autograd     PyTorch's, to the bit in whole numbers

The forward function is the implementation's own if it has one, or else exact arithmetic's. Max pooling is linear as long as
no winner changes: values are spread so far apart that a step d cannot change one. A mean divides, and may be rounded: it is
compared within the bound of both sums, of positive numbers.

What these cannot show: a forward function that is wrong, with gradients that fit it (agreement does).
"""

from dataclasses import replace
from math import prod
from typing import Any

import numpy as np

from contract import Array
from verification.abilities import CORE, abilities
from verification.cases import Case
from verification.implementation import Implementation, UnsupportedError
from verification.operations import BACKWARD, OPTIONS
from verification.oracles import exact, torch
from verification.outcome import Check, Failure, Log
from verification.runner import for_all, whole
from verification.strategies import cases

EXAMPLES = 30
APART = 1000  # the values of an image for max pooling are multiples of this; steps are at most 1


def adjoint(implementation: Implementation, operation: str, log: Log) -> None:
    """See that ⟨f(x, w), g⟩ = ⟨x, grad_x⟩ = ⟨w, grad_w⟩."""

    def judge(case: Case) -> None:
        case = positive(case)
        gradients = dict(zip(case.outputs, whole(implementation, case), strict=True))
        left = inner(forward(implementation, case), case.arguments["grad_output"])
        for name in ("x", "weight"):
            if name in case.arguments:
                right = inner(case.arguments[name], gradients[f"grad_{name}"])
                words = f"⟨f(x), g⟩ should equal ⟨{name}, grad_{name}⟩"
                equal(case, left, right, words, gradients[f"grad_{name}"], log)
        if "grad_bias" in gradients:
            g = case.arguments["grad_output"]
            due = g.sum(axis=tuple(axis for axis in range(g.ndim) if axis != g.ndim - 3))
            got = gradients["grad_bias"]
            if got.shape != due.shape or (got != due).any():
                raise Failure("grad_bias should be the sum of grad_output for each filter", case, expected=due, got=got)
            log.saw(due)

    draw(implementation, operation, judge, log)


def differences(implementation: Implementation, operation: str, log: Log) -> None:
    """See that a step in x, or in w, changes f by what the gradients say."""

    def judge(case: Case) -> None:
        case = positive(case)
        if operation.startswith("max"):
            x = np.asarray(case.arguments["x"])
            if x.size > 4000 or np.unique(x).size < x.size:
                return  # values that occur twice would tie: a step might change the winner
            case = replace(case, arguments={**case.arguments, "x": x * APART}, sources={})
        gradients = dict(zip(case.outputs, whole(implementation, case), strict=True))
        before = forward(implementation, case)
        for name in ("x", "weight"):
            if name in case.arguments:
                step = positive(replace(case, arguments={name: steps(case.arguments[name])})).arguments[name]
                after = forward(implementation, replace(case, arguments={**case.arguments, name: case.arguments[name] + step}))
                left = inner(after, case.arguments["grad_output"]) - inner(before, case.arguments["grad_output"])
                right = inner(step, gradients[f"grad_{name}"])
                words = f"⟨f({name} + d) - f({name}), g⟩ should equal ⟨d, grad_{name}⟩"
                equal(case, left, right, words, gradients[f"grad_{name}"], log, inner(after, case.arguments["grad_output"]))

    draw(implementation, operation, judge, log)


def autograd(implementation: Implementation, operation: str, log: Log) -> None:
    """Compare with PyTorch's gradients, to the bit."""
    if not torch.available():
        raise UnsupportedError("PyTorch is not installed")

    def judge(case: Case) -> None:
        case = positive(case)
        try:
            due = torch.evaluate(case)
        except torch.Abstains as reason:
            raise UnsupportedError(f"PyTorch: {reason}") from None
        for name, wanted, got in zip(case.outputs, due, whole(implementation, case), strict=True):
            error = abs(got.astype(np.longdouble) - wanted) if got.shape == wanted.shape else None
            if error is None or (error > 2 * rounding(case) * abs(wanted)).any():
                raise Failure(f"{name} differs from PyTorch's gradient", case, expected=wanted, got=got)
            log.saw(wanted)

    draw(implementation, operation, judge, log)


def draw(implementation: Implementation, operation: str, judge: Any, log: Log) -> None:
    """Judge drawn calls of whole numbers, those of max pooling without windows that see no cell."""
    able = abilities(implementation, operation, log)
    taken = able.dtypes(*CORE)
    if not taken:
        raise UnsupportedError(" and ".join(CORE))

    def see(case: Case) -> None:
        if operation == "max_pool2d_backward" and exact.has_blind_windows(case):
            raise UnsupportedError("the gradient of a window that sees no cell")
        judge(case)

    for_all(cases(able, taken[:1], ("whole",)), see, log, EXAMPLES)


def forward(implementation: Implementation, case: Case) -> Array:
    """Return f(x): the implementation's own, or exact arithmetic's where it has no such function, or it refuses the case.

    It may refuse windows that do not tile, while its gradient floors them; whether it raises in error is for agreement to say.
    """
    operation = case.operation.removesuffix("_backward")
    arguments = {name: value for name, value in case.arguments.items() if name != "grad_output"}
    if "weight" in arguments:
        arguments["bias"] = None
    options = {name: value for name, value in case.options.items() if name in OPTIONS[operation]}
    ahead = Case(operation, arguments, options)
    try:
        if implementation.provides(operation):
            return whole(implementation, ahead)[0]
    except UnsupportedError:
        pass
    except Failure as failure:
        if failure.raised is None:
            raise
    return exact.expected(ahead)[0].rounded()


def positive(case: Case) -> Case:
    """Return the case with positive numbers if it is a mean: then the bound of a sum is a multiple of the sum."""
    if not case.operation.startswith("avg"):
        return case
    changed = {name: abs(v) for name, v in case.arguments.items() if isinstance(v, np.ndarray)}
    return replace(case, arguments={**case.arguments, **changed}, sources={})


def steps(array: Array) -> Array:
    """Return a step of -1, 0 or 1 in each cell, of no pattern."""
    return np.asarray((np.arange(array.size).reshape(array.shape) * 7 + 3) % 5 % 3 - 1).astype(array.dtype)


def inner(left: Any, right: Any) -> int:
    """Return the sum of products of two arrays, exactly, in units of 2**-2148: of float64's smallest number, squared.

    Whole numbers stay whole; a mean's digits are all kept.
    """
    if np.shape(left) != np.shape(right):
        return 0
    products = (exactly(a) * exactly(b) for a, b in zip(np.ravel(left), np.ravel(right), strict=True) if a and b)
    return sum(products)


def exactly(number: Any) -> int:
    """Return a finite float as an integer, in units of 2**-1074; 0 for one that is not finite."""
    if not np.isfinite(number):
        return 0
    above, below = float(number).as_integer_ratio()
    return (above << 1074) // below


def rounding(case: Case) -> float:
    """Return how far a gradient, or a sum of products with it, may be off by rounding: nothing, but for a mean."""
    if not case.operation.startswith("avg"):
        return 0.0
    n = (
        prod(case.arguments["kernel_size"])
        if isinstance(case.arguments["kernel_size"], tuple)
        else case.arguments["kernel_size"] ** 2
    )
    unit = float(np.finfo(case.dtype).eps) / 2
    return 2 * (n + 3) * unit / (1 - (n + 3) * unit)


def equal(case: Case, left: int, right: int, words: str, got: Array, log: Log, size: int | None = None) -> None:
    """Raise Failure unless two inner products are equal, but for the roundings of a mean; count the case."""
    size = abs(left if size is None else size) + abs(right)
    if abs(left - right) > int(rounding(case) * 2.0**60) * size >> 60:
        scale = 1 << 2 * 1074
        raise Failure(f"{words}, but {float(left / scale):.17g} is not {float(right / scale):.17g}", case, got=got)
    log.saw(np.array([0, 1]) if left else np.zeros(1))


CHECKS = (
    Check("adjoint", BACKWARD, adjoint, "⟨f(x), g⟩ = ⟨x, gradient⟩, exactly", least=10),
    Check("differences", BACKWARD, differences, "finite differences agree with the gradients, exactly", least=5),
    Check("autograd", BACKWARD, autograd, "gradients are those of PyTorch's autograd", least=5),
)
