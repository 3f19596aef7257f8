"""Linearity, as relations: in which arguments a result is linear, and of which it does not depend at all.

A maximum is not linear; it follows every map that keeps the order of numbers, and its gradient follows none.
"""

from collections.abc import Callable, Iterator

import numpy as np

from contract import Array
from verification.cases import Case
from verification.checks.claims import Call, Claim, Relation, changed

GRADIENTS = ("grad_x", "grad_weight", "grad_bias")
LINEAR: dict[str, dict[str, tuple[str, ...]]] = {  # operation -> argument -> results
    "conv2d": {"x": ("y",), "weight": ("y",)},
    "conv2d_backward": {"grad_output": GRADIENTS, "x": ("grad_weight",), "weight": ("grad_x",)},
    "max_pool2d_backward": {"grad_output": ("grad_x",)},
    "avg_pool2d": {"x": ("y",)},
    "avg_pool2d_backward": {"grad_output": ("grad_x",)},
}
LINEAR |= {"conv_transpose2d": LINEAR["conv2d"], "conv_transpose2d_backward": LINEAR["conv2d_backward"]}
CONSTANT: dict[str, dict[str, tuple[str, ...]]] = {
    "conv2d_backward": {"x": ("grad_x", "grad_bias"), "weight": ("grad_weight", "grad_bias")},
    "avg_pool2d_backward": {"x": ("grad_x",)},
}
CONSTANT |= {"conv_transpose2d_backward": CONSTANT["conv2d_backward"]}
INCREASING: dict[str, Callable[[Array], Array]] = {"3x + 5": lambda x: 3 * x + 5, "x - 1000": lambda x: x - 1000}


def linear(call: Call, case: Case) -> Iterator[Claim]:
    """A sum of arguments gives the sum of the results."""
    plain = changed(case, bias=None) if "bias" in case.arguments else case
    for argument, names in LINEAR[case.operation].items():
        a = plain.arguments[argument]
        b = other(a)
        mixed = changed(plain, **{argument: 2 * a - 3 * b})
        of_a, of_b, of_both = call(plain), call(changed(plain, **{argument: b})), call(mixed)
        words = f"{case.operation} should be linear in {argument}: f(2a - 3b) = 2 f(a) - 3 f(b)"
        for name in names:
            yield Claim(mixed, name, of_both[name], 2 * of_a[name] - 3 * of_b[name], words)


def constant(call: Call, case: Case) -> Iterator[Claim]:
    """An argument on which a result does not depend may be any."""
    for argument, names in CONSTANT[case.operation].items():
        again = changed(case, **{argument: other(case.arguments[argument])})
        before, after = call(case), call(again)
        for name in names:
            yield Claim(again, name, after[name], before[name], f"{name} should not depend on {argument}")


def bias(call: Call, case: Case) -> Iterator[Claim]:
    """A bias is added to every cell of its filter, once."""
    given = case.arguments["bias"]
    if given is not None:
        each = given[:, np.newaxis, np.newaxis]
        without = call(changed(case, bias=None))["y"]
        yield Claim(case, "y", call(case)["y"], without + each, "a bias should add to the result without it")
        blank = changed(case, weight=np.zeros_like(case.arguments["weight"]))
        due = np.broadcast_to(each, without.shape)
        yield Claim(blank, "y", call(blank)["y"], due, "with weights of zero, the result should be the bias")


def increasing(call: Call, case: Case) -> Iterator[Claim]:
    """A maximum follows an increasing map; its place, and so its gradient, stays."""
    before = call(case)
    for formula, f in INCREASING.items():
        mapped = changed(case, x=f(case.arguments["x"]))
        for name, got in call(mapped).items():
            due = f(before[name]) if name == "y" else before[name]
            yield Claim(mapped, name, got, due, f"{name} of {formula} should be {'that of y' if name == 'y' else 'that of x'}")


def other(array: Array) -> Array:
    """Return the same numbers in other places."""
    return np.roll(array.ravel()[::-1], 1).reshape(array.shape)


LINEARITY: dict[str, tuple[Relation, ...]] = {
    "conv2d": (linear, bias),
    "conv2d_backward": (linear, constant),
    "conv_transpose2d": (linear, bias),
    "conv_transpose2d_backward": (linear, constant),
    "max_pool2d": (increasing,),
    "max_pool2d_backward": (linear, increasing),
    "avg_pool2d": (linear,),
    "avg_pool2d_backward": (linear, constant),
}
