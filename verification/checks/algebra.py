"""Algebra: what must be true of results whatever they are, so that no judge is needed; exactly, in small whole numbers.

    linearity    f(2a - 3b) = 2 f(a) - 3 f(b), in each argument; a bias adds; a maximum follows every increasing map
    symmetry     images, channels and filters in another order, or one by one; rows for columns; an image shifted by a stride
    equivalence  padding is a padded image, dilation a filter stuffed with zeros, groups are convolutions side by side, a stride
                 leaves windows out, 1x1 is a matrix product, a transposed convolution an adjoint, a pool its definition

Here are the checks; linear.py, symmetry.py, conv_algebra.py and pool_algebra.py have the relations.

What these cannot show: a function that is wrong in a consistent way, such as with every kernel flipped (geometry shows it).
"""

from verification.cases import Case
from verification.checks import conv_algebra, linear, pool_algebra, symmetry
from verification.checks.calls import Function
from verification.checks.claims import Relation, Results, caller, tamed
from verification.compare import equal, judge
from verification.implementation import Implementation, UnsupportedError
from verification.operations import OPERATIONS
from verification.oracles import exact
from verification.outcome import Check, CheckFunction, Failure, Log
from verification.runner import for_all
from verification.strategies import cases

EXAMPLES = 50


def holding(relations: dict[str, tuple[Relation, ...]]) -> CheckFunction:
    """Return the check that the relations of an operation hold in drawn calls."""

    def check(implementation: Implementation, operation: str, log: Log) -> None:
        function = Function(implementation, operation, log)

        def all_hold(case: Case) -> None:
            for relation in relations[operation]:
                holds(relation, function, tamed(case))

        for_all(cases(function.able, (function.dtype.name,), ("whole",)), all_hold, log, EXAMPLES)

    return check


def holds(relation: Relation, function: Function, case: Case) -> None:
    """Raise Failure, in the relation's words, unless it holds for a call, as far as the function goes the other ways to it."""
    call, made = caller(function), list[Case]()

    def noted(each: Case) -> Results:
        made.append(each)
        return call(each)

    try:
        for claim in relation(noted, case):
            try:
                equal(claim.case, claim.due, claim.got, function.log, claim.name, claim.open_cells)
            except Failure as failure:
                failure.message = f"{claim.words}; but {failure.message}"
                raise blamed(failure, function, made) from None
    except UnsupportedError:
        return


def blamed(failure: Failure, function: Function, made: list[Case]) -> Failure:
    """Return the failure of that call, of those that a relation is made of, which exact arithmetic finds wrong.

    It is ``failure`` itself if that is of such a call.
    """
    for case in sorted(made, key=lambda each: each is not failure.case):
        try:
            judge(case, exact.expected(case), function(case), Log(), function.implementation.error_class(case.operation))
        except UnsupportedError:
            continue
        except Failure as wrong:
            if case is failure.case:
                break
            wrong.message = f"{failure.message}; of these calls, another is wrong, shown here: {wrong.message}"
            return wrong
    return failure


CHECKS = (
    Check(
        "linearity", OPERATIONS, holding(linear.LINEARITY), "results are linear, a bias adds, a maximum keeps order", least=5
    ),
    Check("symmetry", OPERATIONS, holding(symmetry.SYMMETRY), "order, rows for columns, and shifts do not matter", least=5),
    Check(
        "equivalence",
        OPERATIONS,
        holding({**conv_algebra.EQUIVALENCES, **pool_algebra.EQUIVALENCES}),
        "each option is worth another call without it",
        least=5,
    ),
)
