"""How the suite meets an implementation: as an object with functions, known only by their names and signatures.

A function's own signature declares what it supports. An option that it lacks is never passed; a case that needs one is
*unsupported*, and so is a case for which the function raises ``NotImplementedError``.
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from verification.cases import Case
from verification.operations import ARGUMENTS, OPERATIONS, OPTIONS

__all__ = ["ARGUMENTS", "OPERATIONS", "OPTIONS", "Implementation", "NotProvidedError", "UnsupportedError"]


class NotProvidedError(Exception):
    """The implementation has no such function."""


class UnsupportedError(Exception):
    """The implementation's signature, or its ``NotImplementedError``, says that it does not do this case."""


@dataclass(frozen=True, eq=False)
class Implementation:
    """Somebody's functions under the names of the contract, and a name to call them by.

    ``strict`` holds it to the letter of the contract: to the kinds of its errors, and to every form of every option.
    ``classes`` names the error class of a function that promises less than a plain sum of products does (``"fft"``,
    ``"winograd"``: see compare.py): the functions' own ``error_class`` attribute, or one of their module or object, either a
    name or a name for each function.
    """

    name: str
    functions: Mapping[str, Callable[..., Any]] = field(repr=False)
    strict: bool = False
    classes: Mapping[str, str] = field(default_factory=dict, repr=False)
    _accepted: dict[tuple[str, str], bool] = field(default_factory=dict, init=False, repr=False, compare=False)

    @classmethod
    def of(cls, target: Any, name: str, *, strict: bool = False) -> "Implementation":
        """Take those functions of the contract that ``target`` (a module, a class, any object) has."""
        found = {op: getattr(target, op) for op in OPERATIONS if callable(getattr(target, op, None))}
        shared = getattr(target, "error_class", {})
        if isinstance(shared, str):
            shared = dict.fromkeys(found, shared)
        own = {op: function.error_class for op, function in found.items() if hasattr(function, "error_class")}
        return cls(name, found, strict, {**shared, **own})

    def error_class(self, operation: str) -> str:
        """Return the name of the error class that a function declares: ``"gamma"`` if it declares none."""
        return self.classes.get(operation, "gamma")

    def held(self, operation: str) -> bool:
        """Return whether a function is held to what is the contract's own choice: if it is strict, or speaks its language.

        Nobody else's convolution has an option ``rounding``; a transposed one speaks the contract's language if it takes every
        option. Others have never heard of the contract, and may still be right.
        """
        telling = ("rounding",) if "rounding" in OPTIONS[operation] else tuple(OPTIONS[operation])
        return self.strict or all(self.accepts(operation, name) for name in telling)

    def provides(self, operation: str) -> bool:
        """Return whether the implementation has this function at all."""
        return operation in self.functions

    def accepts(self, operation: str, name: str) -> bool:
        """Return whether the function's signature takes ``name`` (an option, or ``bias``)."""
        if (operation, name) not in self._accepted:  # reading a signature takes longer than many a call
            self._accepted[operation, name] = self._reads(operation, name)
        return self._accepted[operation, name]

    def _reads(self, operation: str, name: str) -> bool:
        """Read in the function's signature whether it takes ``name``."""
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
        if not self.accepts(case.operation, "bias") and arguments.pop("bias", None) is not None:
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
