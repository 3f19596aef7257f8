"""Each planted bug dies by the check that it names, and what is right survives: a suite is as good as its bite.

Cases are drawn the same way in every run. ``python -m verification.kill_matrix`` runs every check on every bug.
"""

import pytest

import adapters
from verification.bugs import BUGS, Bug
from verification.checks import CHECKS
from verification.implementation import Implementation
from verification.kill_matrix import KILLS, NAMED, PASSES, RIGHT, kills, page
from verification.outcome import Check
from verification.runner import run_check

SLOW = ("geometry", "footprint", "large")  # the command runs these on the reference, too
PLANTED = [pytest.param(bug, operation, id=f"{operation}-{bug.name}") for bug in BUGS for operation in bug.operations]
JUDGED = [pytest.param(c, operation, id=f"{operation}-{c.name}") for c in CHECKS.values() for operation in c.operations]
QUICKLY = [each for each in JUDGED if each.values[0].name not in SLOW]


@pytest.mark.parametrize(("bug", "operation"), PLANTED)
def test_a_bug_dies_by_the_check_that_it_names(bug: Bug, operation: str) -> None:
    assert kills(CHECKS[bug.check], bug.implementation(operation), operation)


@pytest.mark.parametrize(("check", "operation"), QUICKLY)
def test_the_reference_that_bugs_bend_is_right(check: Check, operation: str) -> None:
    assert run_check(RIGHT, operation, check).verdict == "passed"


@pytest.mark.parametrize(("check", "operation"), JUDGED)
def test_pytorch_survives(check: Check, operation: str) -> None:
    outcome = run_check(Implementation.of(adapters, "PyTorch"), operation, check)
    assert outcome.verdict in ("passed", "unsupported"), outcome.failure


def test_every_bug_has_a_name_and_a_sentence_of_its_own() -> None:
    assert len({bug.name for bug in BUGS}) == len({bug.sentence for bug in BUGS}) == len(BUGS)


def test_the_page_names_the_survivors() -> None:
    matrix = [[NAMED if name == bug.check else PASSES for name in CHECKS] for bug in BUGS]
    assert "Survivors: none." in page(matrix)
    matrix[0] = [PASSES for _ in CHECKS]
    assert f"Survivors: {BUGS[0].name}." in page(matrix)
    matrix[0][-1] = KILLS
    assert "Survivors: none." in page(matrix)
