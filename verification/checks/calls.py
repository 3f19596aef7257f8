"""Calls in the forms that an implementation takes, and results compared with what is due, a difference put into words."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from contract import Array
from verification.abilities import CORE, abilities
from verification.cases import Case
from verification.compare import first, is_nan, same_shape
from verification.implementation import Implementation, UnsupportedError
from verification.operations import CONVOLUTIONS
from verification.outcome import Failure, Log
from verification.runner import call, whole

Index = tuple[int, ...]
ARRAYS = {"x", "kernel_size", "weight"}  # what has forms without being an option
UNTILED = "windows that do not tile"


class Function:
    """One function of an implementation, and what it takes."""

    def __init__(self, implementation: Implementation, operation: str, log: Log) -> None:
        self.implementation, self.operation, self.log = implementation, operation, log
        self.able = abilities(implementation, operation, log)
        if self.able.untiled:
            log.policies[UNTILED] = self.able.untiled

    @property
    def dtype(self) -> Any:
        """Return float64, or float32 if that is all it takes."""
        return np.dtype(self.able.dtypes(*CORE)[0])

    @property
    def exact(self) -> bool:
        """Return whether it promises what a plain sum of products does."""
        return self.implementation.error_class(self.operation) == "gamma"

    def __call__(self, case: Case) -> tuple[Array, ...]:
        """Return the arrays for a case whose exact results are small whole numbers (see ``whole``).

        Raises UnsupportedError for a case in a form that the function does not take.
        """
        return whole(self.implementation, self.allowed(case))

    def raw(self, case: Case) -> tuple[Array, ...]:
        """Return the arrays for any other case, as they come."""
        return call(self.implementation, self.allowed(case))

    def allowed(self, case: Case) -> Case:
        """Return the case as the function takes it: without ``rounding="floor"`` if it has no such option and does not raise.

        A gradient that fits neither convention is not judged on windows that do not tile: there is no right shape to ask for.
        """
        loose = self.able.untiled == "floors" or (self.able.untiled is None and not self.operation.endswith("_backward"))
        if loose and case.options.get("rounding") == "floor" and "rounding" not in self.able.options:
            case = replace(case, options={name: value for name, value in case.options.items() if name != "rounding"})
        for option, form in forms(case):
            if option not in self.able.options | ARRAYS or form in self.able.refused:
                raise UnsupportedError(form)
        return case


def forms(case: Case) -> Iterator[tuple[str, str]]:
    """Yield every option of a case and the form that it is in, as abilities.py names it."""
    for option, value in case.options.items():
        if isinstance(value, tuple):
            yield option, f"{option} sides" if isinstance(value[0], tuple) else f"{option} pair"
        yield option, f"{option} {value}" if isinstance(value, str) and option == "padding" else option
    if case.arguments.get("bias") is not None:
        yield "bias", "bias"
    if np.ndim(case.arguments["x"]) == 3:
        yield "x", "unbatched"
    if isinstance(case.arguments.get("kernel_size"), tuple):
        yield "kernel_size", "kernel_size pair"
    if case.operation in CONVOLUTIONS and np.shape(case.arguments["weight"])[2:] != (3, 3):
        yield "weight", "kernel"


class Probe(NamedTuple):
    """A call, those of its results that are judged, and words for a difference."""

    case: Case
    due: dict[str, Array]
    words: Callable[[str, Index, Array], str]  # (name of the result, first wrong index, the whole result)
    terms: int = 0  # terms of a sum that is then divided, and so rounded; 0: the result must be exact
    free: Array | None = None  # cells of every judged result that are not judged, such as (1, 1, P, Q)
    may: Array | None = None  # cells that may be NaN instead
    question: str = ""  # what their being so is called, as a policy


def compare(function: Function, probe: Probe) -> None:
    """Make the call; raise Failure, in words and for one image and filter if these show it, unless all is as it is due."""
    probe = probe._replace(case=function.allowed(probe.case))  # what is shown in a failure must run
    got = dict(zip(probe.case.outputs, function(probe.case), strict=True))
    for name, due in probe.due.items():
        same_shape(probe.case, due.shape, got[name], name, due)
        wrong = differs(function, probe, due, got[name])
        if wrong.any():
            raise _failure(function, probe, name, got[name], wrong)
        function.log.saw(due)


def differs(function: Function, probe: Probe, due: Array, got: Array) -> Array:
    """Return which cells are wrong, and keep in the log which policy those show that may be NaN."""
    unit = np.finfo(probe.case.dtype).eps / 2
    bound = (probe.terms + 1) * unit / (1 - (probe.terms + 1) * unit) * abs(due) if probe.terms else 0
    with np.errstate(invalid="ignore"):
        wrong = np.asarray(~(abs(got - due) <= bound) & (got != due) & ~(is_nan(got) & is_nan(due)), dtype=bool)
    if probe.free is not None:
        wrong &= ~probe.free
    if probe.may is not None and probe.may.any() and wrong.shape == probe.may.shape:
        answers = {"NaN" if nan else "a number" for nan in is_nan(got)[probe.may]}
        answers |= set(filter(None, function.log.policies.get(probe.question, "").split(" or ")))
        function.log.policies[probe.question] = " or ".join(sorted(answers))
        wrong &= ~(probe.may & is_nan(got))
    return wrong


def _failure(function: Function, probe: Probe, name: str, got: Array, wrong: Array) -> Failure:
    """Return the failure for the first wrong cell of a result."""
    case, due, index = probe.case, probe.due[name], first(wrong)
    try:
        message = probe.words(name, index, got)
    except (ArithmeticError, ValueError):  # NaN or Inf, where there should be a number of times that a cell is read
        message = f"{name}{list(index)} should be {due[index]}, got {got[index]}"
    small, key = one_image(case, name, index, due.ndim)
    try:
        alone = function(small)[case.outputs.index(name)]
        place = first(wrong[key])
        if alone.shape == due[key].shape and differs(function, probe._replace(may=None), due[key], alone)[place]:
            case, due, got, index = small, due[key], alone, place
    except (Failure, UnsupportedError):
        pass  # in a smaller batch it is another matter: the whole one is shown
    return Failure(message, case, expected=due, got=got, index=index)


def one_image(case: Case, name: str, index: Index, axes: int) -> tuple[Case, tuple[slice, ...]]:
    """Return the call with only the image and the filter that a wrong cell depends on, and their slice of the result."""
    arguments, key = dict(case.arguments), [slice(None)] * axes
    if name in ("y", "indices", "grad_x"):
        key[0] = slice(index[0], index[0] + 1)
        arguments |= {each: arguments[each][key[0]] for each in ("x", "grad_output") if each in arguments}
    if name == "y" and "weight" in arguments and case.option("groups") == 1:
        key[1] = slice(index[1], index[1] + 1)
        filters = (slice(None), key[1]) if case.operation == "conv_transpose2d" else key[1]
        arguments["weight"] = arguments["weight"][filters]
    return replace(case, arguments=arguments), tuple(key)
