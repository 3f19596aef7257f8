"""Calls in the forms that an implementation takes, for checks whose results are whole numbers."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from contract import Array
from verification.abilities import CORE, abilities
from verification.cases import Case
from verification.implementation import Implementation, UnsupportedError
from verification.operations import CONVOLUTIONS
from verification.outcome import Log
from verification.runner import call, whole

UNTILED = "windows that do not tile"


class Function:
    """One function of an implementation, and what it takes."""

    def __init__(self, implementation: Implementation, operation: str, log: Log) -> None:
        self.implementation, self.operation, self.log = implementation, operation, log
        self.able = abilities(implementation, operation, log)
        if not self.able.dtypes(*CORE):
            raise UnsupportedError(" and ".join(CORE))
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
        """Return the case as the function takes it: without ``rounding="floor"`` if it floors of itself."""
        if case.options.get("rounding") == "floor" and "rounding" not in self.able.options and self.able.untiled != "raises":
            case = replace(case, options={name: value for name, value in case.options.items() if name != "rounding"})
        for option, form in forms(case):
            if option not in self.able.options | {"kernel_size", "weight"} or form in self.able.refused:
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
    if isinstance(case.arguments.get("kernel_size"), tuple):
        yield "kernel_size", "kernel_size pair"
    if case.operation in CONVOLUTIONS and np.shape(case.arguments["weight"])[2:] != (3, 3):
        yield "weight", "kernel"
