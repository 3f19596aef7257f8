"""What a planted bug is, and the ways to plant one: bend a step of the reference, or wrap a right function.

``bend(position=...)`` gives one step of the reference another rule; ``before`` changes the arguments, ``after`` the result,
``each`` every array of it, ``values`` and ``indices`` one of a pooling's; ``around`` has the right function in hand,
``keeping`` a memory besides; ``lenient`` does not refuse what the contract refuses. What they are given is called with ``a``:
every argument and option of the call, by name.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from verification.bugs.reference import Reference
from verification.implementation import Implementation
from verification.operations import ARGUMENTS, OPERATIONS, OPTIONS

Arguments = dict[str, Any]
Right = Callable[[Arguments], Any]
Build = Callable[[str], Callable[..., Any]]  # operation -> function


@dataclass(frozen=True)
class Bug:
    """One planted bug."""

    name: str
    sentence: str  # what it does
    operations: tuple[str, ...]
    check: str  # the name of the check that must catch it
    build: Build
    source: str = ""  # public code that had it

    def implementation(self, operation: str | None = None) -> Implementation:
        """Return the right implementation with the bug in ``operation``; in all of the bug's operations if none is given."""
        functions = {name: getattr(Reference(), name) for name in OPERATIONS}
        functions |= {name: self.build(name) for name in self.operations if operation in (None, name)}
        return Implementation(self.name, functions, strict=True)


def bend(**steps: Any) -> Build:
    """Plant the bug in steps of the reference: methods of the same names, called with the reference first."""
    return lambda operation: getattr(type("Bent", (Reference,), steps)(), operation)


def keeping(change: Callable[[Right, Arguments, dict[Any, Any]], Any]) -> Build:
    """Plant the bug around the right function, with a memory."""

    def build(operation: str) -> Callable[..., Any]:
        right, kept = getattr(Reference(), operation), dict[Any, Any]()

        def call(a: Arguments) -> Any:
            return right(*(a[name] for name in ARGUMENTS[operation]), **{name: a[name] for name in OPTIONS[operation]})

        def buggy(*arguments: Any, **options: Any) -> Any:
            positional = zip(ARGUMENTS[operation], arguments, strict=False)
            return change(call, OPTIONS[operation] | {"bias": None} | dict(positional) | options, kept)

        return buggy

    return build


def around(change: Callable[[Right, Arguments], Any]) -> Build:
    """Plant the bug around the right function."""
    return keeping(lambda f, a, _: change(f, a))


def before(change: Callable[[Arguments], Arguments]) -> Build:
    """Plant the bug in the arguments."""
    return around(lambda f, a: f(a | change(a)))


def after(change: Callable[[Any, Arguments], Any]) -> Build:
    """Plant the bug in the result."""
    return around(lambda f, a: change(f(a), a))


def each(change: Callable[[Any, Arguments], Any]) -> Build:
    """Plant the bug in every array of the result."""
    return after(lambda y, a: tuple(change(v, a) for v in y) if isinstance(y, tuple) else change(y, a))


def values(change: Callable[[Any, Arguments], Any]) -> Build:
    """Plant the bug in the values of a pooling, and leave its indices alone."""
    return after(lambda y, a: (change(y[0], a), y[1]) if isinstance(y, tuple) else change(y, a))


def indices(change: Callable[[Any, Arguments], Any]) -> Build:
    """Plant the bug in the indices of a pooling, where they are asked for."""
    return after(lambda y, a: (y[0], change(y[1], a)) if isinstance(y, tuple) else y)


def lenient(words: str, instead: Callable[[Right, Arguments], Any]) -> Build:
    """Plant the bug where the contract refuses in these words: do something else instead."""

    def change(f: Right, a: Arguments) -> Any:
        try:
            return f(a)
        except (TypeError, ValueError) as error:
            if words not in str(error):
                raise
            return instead(f, a)

    return around(change)


def pair(value: Any) -> tuple[Any, Any]:
    """Return an option as (height, width)."""
    return (value[0], value[1]) if isinstance(value, tuple | list) else (value, value)
