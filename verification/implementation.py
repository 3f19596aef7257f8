"""How the suite meets an implementation: as an object with functions, known only by their names and signatures.

A function's own signature declares what it supports. An option that it lacks is never passed; a case that needs one is
*unsupported*, and so is a case for which the function raises ``NotImplementedError``.
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from verification.cases import Case

# The positional arguments of every operation, in order, and its options with their defaults: ../contract.py in a table.
_CONV = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1}
_POOL = {"stride": None, "padding": 0}
ARGUMENTS: dict[str, tuple[str, ...]] = {
    "conv2d": ("x", "weight", "bias"),
    "conv2d_backward": ("grad_output", "x", "weight"),
    "conv_transpose2d": ("x", "weight", "bias"),
    "conv_transpose2d_backward": ("grad_output", "x", "weight"),
    "max_pool2d": ("x", "kernel_size"),
    "max_pool2d_backward": ("grad_output", "x", "kernel_size"),
    "avg_pool2d": ("x", "kernel_size"),
    "avg_pool2d_backward": ("grad_output", "x", "kernel_size"),
}
OPTIONS: dict[str, dict[str, Any]] = {
    "conv2d": {**_CONV, "rounding": "exact"},
    "conv2d_backward": {**_CONV, "rounding": "exact"},
    "conv_transpose2d": {**_CONV, "output_padding": 0},
    "conv_transpose2d_backward": {**_CONV, "output_padding": 0},
    "max_pool2d": {**_POOL, "dilation": 1, "rounding": "exact", "return_indices": False},
    "max_pool2d_backward": {**_POOL, "dilation": 1, "rounding": "exact"},
    "avg_pool2d": {**_POOL, "rounding": "exact", "count_include_pad": True, "divisor_override": None},
    "avg_pool2d_backward": {**_POOL, "rounding": "exact", "count_include_pad": True, "divisor_override": None},
}
OPERATIONS = tuple(ARGUMENTS)


class NotProvidedError(Exception):
    """The implementation has no such function."""


class UnsupportedError(Exception):
    """The implementation's signature, or its ``NotImplementedError``, says that it does not do this case."""


@dataclass(frozen=True)
class Implementation:
    """Somebody's functions under the names of the contract, and a name to call them by."""

    name: str
    functions: Mapping[str, Callable[..., Any]] = field(repr=False)

    @classmethod
    def of(cls, target: Any, name: str) -> "Implementation":
        """Take those functions of the contract that ``target`` (a module, a class, any object) has."""
        found = {op: getattr(target, op) for op in OPERATIONS if callable(getattr(target, op, None))}
        return cls(name, found)

    def provides(self, operation: str) -> bool:
        """Return whether the implementation has this function at all."""
        return operation in self.functions

    def accepts(self, operation: str, name: str) -> bool:
        """Return whether the function's signature takes ``name`` (an option, or ``bias``)."""
        if not self.provides(operation):
            return False
        parameters = _parameters(self.functions[operation])
        if parameters is None or any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
            return True
        if name in parameters:
            return parameters[name].kind is not inspect.Parameter.POSITIONAL_ONLY or name in ARGUMENTS[operation]
        return name == "bias" and _positional(parameters) >= len(ARGUMENTS[operation])

    def __call__(self, case: Case) -> Any:
        """Return what the function gives for ``case``.

        Raises NotProvidedError or UnsupportedError where there is nothing to judge, and whatever the function raises.
        """
        if not self.provides(case.operation):
            raise NotProvidedError(case.operation)
        for option in case.options:
            if not self.accepts(case.operation, option):
                raise UnsupportedError(option)
        arguments = dict(case.arguments)
        if "bias" in arguments and not self.accepts(case.operation, "bias"):
            if arguments.pop("bias") is not None:
                raise UnsupportedError("bias")
        try:
            return self.functions[case.operation](*arguments.values(), **case.options)
        except NotImplementedError as error:
            raise UnsupportedError(str(error) or "NotImplementedError") from error


def _parameters(function: Callable[..., Any]) -> Mapping[str, inspect.Parameter] | None:
    """Return a function's parameters; ``None`` for one (of a compiled module, say) that does not tell."""
    try:
        return inspect.signature(function).parameters
    except (TypeError, ValueError):
        return None


def _positional(parameters: Mapping[str, inspect.Parameter]) -> int:
    """Return how many arguments can be given by position."""
    if any(p.kind is p.VAR_POSITIONAL for p in parameters.values()):
        return 99
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    options = {name for defaults in OPTIONS.values() for name in defaults}
    return sum(p.kind in kinds and name not in options for name, p in parameters.items())
