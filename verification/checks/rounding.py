"""Rounding: on data chosen to be hard, errors stay within the bound; and how close they come to it is searched for.

The bound is that of bounds.py, from exact arithmetic on the very values that were passed. Hypothesis steers the draws towards
the largest error over its bound, and the report gives the worst ratio found. A sum carried in fewer bits than its dtype has
goes far beyond 1. (float16 has a check of its own, in agreement.py: its last rounding alone comes close to 1.)

What it cannot show: that errors are as small as they could be. The bound holds for any order of summation, good or bad.
"""

import hypothesis

from verification.abilities import CORE, abilities
from verification.cases import Case
from verification.checks.agreement import judge
from verification.data import NASTY
from verification.implementation import Implementation
from verification.operations import OPERATIONS
from verification.outcome import Check, Log
from verification.runner import for_all
from verification.strategies import cases

EXAMPLES = 80


def rounding(implementation: Implementation, operation: str, log: Log) -> None:
    """Search hard data for the largest error over its bound."""
    able = abilities(implementation, operation, log)
    plain_sums = implementation.error_class(operation) == "gamma"
    regimes = NASTY if plain_sums else tuple(r for r in NASTY if r != "denormal")  # transforms lose what is that small

    def within(case: Case) -> None:
        hypothesis.target(judge(implementation, case, log))

    for_all(cases(able, able.dtypes(*CORE), regimes), within, log, EXAMPLES)


SUMS = tuple(op for op in OPERATIONS if op != "max_pool2d")
CHECKS = (Check("rounding", SUMS, rounding, "rounding errors stay within their bound on hard data", least=20),)
