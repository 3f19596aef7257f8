"""What an implementation takes, found from its signatures and by asking: what it turns down as a whole is never drawn.

Options that a signature lacks are one thing. The others are forms: a dtype, an image without a batch, a pair where an int would
do, a name for a padding. For each there is one plain call; a function that raises on it, and not on the plainest call of all,
does not do that form. It is reported as unsupported, with what it said. A strict implementation must take them all.
"""

import warnings
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from verification.cases import Case
from verification.forms import COMPLEX, EMPTY, FLOATS, INTEGERS, cast, plain, plain_calls
from verification.implementation import Implementation, UnsupportedError
from verification.operations import ARGUMENTS, CONVOLUTIONS, OPTIONS
from verification.oracles import exact
from verification.outcome import Failure, Log
from verification.runner import call

CORE = ("float64", "float32")  # of which everybody must take one, and who knows the contract both


@dataclass(frozen=True)
class Abilities:
    """What one function takes."""

    operation: str
    options: frozenset[str]  # the options in its signature, and "bias"
    forms: frozenset[str]  # "float16", "unbatched", "stride pair", "padding sides", "padding same" ...
    refused: dict[str, str]  # form -> what the function said
    untiled: str | None  # without a rounding option: "raises" or "floors" where windows do not tile, or "neither"
    untiled_case: Case | None  # the call that showed it

    def takes(self, *forms: str) -> bool:
        """Return whether the function takes each of these forms."""
        return all(form in self.forms for form in forms)

    def dtypes(self, *names: str) -> tuple[str, ...]:
        """Return those of the named dtypes that the function takes."""
        return tuple(name for name in names if name in self.forms)


def abilities(implementation: Implementation, operation: str, log: Log, dtypes: tuple[str, ...] = CORE) -> Abilities:
    """Return what a function takes, and note in ``log`` what it does not: of dtypes, those that are asked for.

    Raises UnsupportedError if it takes none of these.
    """
    found = _ask(implementation, operation)
    names = [*OPTIONS[operation], *(name for name in ARGUMENTS[operation] if name == "bias")]
    log.unsupported.update(name for name in names if name not in found.options)
    others = {*FLOATS, *COMPLEX, *INTEGERS, "object"} - set(dtypes)
    log.unsupported.update(f"{form}: {reason}" for form, reason in found.refused.items() if form not in others)
    if not found.dtypes(*dtypes):
        raise UnsupportedError(" and ".join(dtypes))
    return found


@cache
def _ask(implementation: Implementation, operation: str) -> Abilities:
    """Make one plain call for each form."""
    names = [*OPTIONS[operation], *(name for name in ARGUMENTS[operation] if name == "bias")]
    options = frozenset(name for name in names if implementation.accepts(operation, name))
    base: np.dtype[Any] = np.dtype(np.float64)
    if not implementation.strict and _answer(implementation, plain(operation)) is not None:
        base = np.dtype(np.float32)  # some take no other
    works = _answer(implementation, cast(plain(operation), base)) is None
    held = implementation.held(operation)
    forms = {form: case if form in CORE else cast(case, base) for form, case in plain_calls(operation, options)}
    refused: dict[str, str] = {}
    for form, case in forms.items():
        answer = _answer(implementation, case)
        must = (held or form == base) if form in CORE else _must(form, operation) or (form == EMPTY and held)
        if isinstance(answer, UnsupportedError) or (answer is not None and works and not implementation.strict and not must):
            refused[form] = summary(answer)
        elif answer is None and not held and (other := _lost_dtype(implementation, form, case)):
            refused[form] = f"returns {other}"
    untiled = _untiled(implementation, operation, options, base)
    return Abilities(operation, options, frozenset(forms) - frozenset(refused), refused, *untiled)


def _must(form: str, operation: str) -> bool:
    """Return whether only ``NotImplementedError`` excuses from a form: an option in one's own signature."""
    return form in OPTIONS[operation] or form == "kernel"


def _lost_dtype(implementation: Implementation, form: str, case: Case) -> str | None:
    """Return the dtype of a result, if it is none for numbers of this form: floats for integers or complex numbers, say."""
    if form not in (*COMPLEX, *INTEGERS, "object"):
        return None
    try:
        results = call(implementation, case)
    except Failure:
        return None
    names = [str(a.dtype) for a, output in zip(results, case.outputs, strict=True) if output != "indices"]
    wide = (*COMPLEX, case.dtype) if form in COMPLEX else (case.dtype,)  # complex numbers may come in more digits
    return next((name for name in names if name not in wide), None)


def _answer(implementation: Implementation, case: Case) -> Exception | None:
    """Return what a function raises on a case; ``None`` if it returns anything, right or wrong."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            implementation(case)
        except Exception as error:
            return error
    return None


def _untiled(
    implementation: Implementation, operation: str, options: frozenset[str], base: np.dtype[Any]
) -> tuple[str | None, Case | None]:
    """Return what becomes of windows that do not tile, without a ``rounding`` option, and the case that showed it."""
    if (
        "rounding" in options
        or operation.startswith("conv_transpose2d")
        or ("stride" not in options and operation in CONVOLUTIONS)
    ):
        return None, None
    case = (
        plain(operation, {"stride": 3})
        if operation in CONVOLUTIONS
        else plain(operation, x=np.arange(30.0).reshape(1, 1, 5, 6))
    )
    case = cast(case, base)
    try:
        results = call(implementation, case)
    except UnsupportedError:
        return None, None
    except Failure as failure:
        return ("raises" if failure.raised else "neither"), case
    return ("floors" if [r.shape for r in results] == [e.shape for e in exact.expected(case)] else "neither"), case


def summary(error: Exception) -> str:
    """Return an exception in a few words."""
    kind = NotImplementedError if isinstance(error, UnsupportedError) else type(error)
    text = " ".join(str(error).split())
    return f"{kind.__name__}: {text[:80]}" if text else kind.__name__
