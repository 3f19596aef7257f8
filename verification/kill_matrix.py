"""The kill matrix: every planted bug against every check that can judge its operation.

``python -m verification.kill_matrix`` writes docs/kill-matrix.md. Every run draws the same cases.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from verification import profiles
from verification.bugs import BUGS, Bug
from verification.bugs.reference import Reference
from verification.checks import CHECKS
from verification.implementation import Implementation
from verification.outcome import Check
from verification.runner import run_check

PAGE = Path(__file__).parent.parent / "docs" / "kill-matrix.md"
RIGHT = Implementation.of(Reference(), "the reference", strict=True)
NAMED, KILLS, PASSES, NOTHING = "◉", "●", "·", ""
HEAD = f"""# The kill matrix

Every planted bug (a row; `verification/bugs/`) against every check (a column; `verification/checks/`). Each bug sits in one
function of an otherwise right implementation; where a check cannot judge that function its column is blank.

- {NAMED} the check that the bug names; `tests/test_kill_matrix.py` proves each of these in every run, in every function that
  has the bug
- {KILLS} another check that catches it
- {PASSES} a check that passes in spite of it

Without a bug, the same implementation passes every check. In brackets: public code that had the bug.
"""


def kills(check: Check, implementation: Implementation, operation: str) -> bool:
    """Return whether a check finds something wrong; the first wrong case will do."""
    return run_check(implementation, operation, check, smallest=False).verdict == "failed"


def row(number: int) -> list[str]:
    """Return the marks of one bug, in its first operation, under every check."""
    profiles.use("ci")
    bug = BUGS[number]
    operation, marks = bug.operations[0], []
    for name, check in CHECKS.items():
        if operation not in check.operations:
            marks.append(NOTHING)
        elif kills(check, bug.implementation(operation), operation):
            marks.append(NAMED if name == bug.check else KILLS)
        else:
            marks.append(PASSES)
    return marks


def false_alarms(name: str) -> list[str]:
    """Return the operations in which a check finds something wrong with the reference itself."""
    profiles.use("ci")
    return [operation for operation in CHECKS[name].operations if run_check(RIGHT, operation, CHECKS[name]).verdict != "passed"]


def page(matrix: list[list[str]]) -> str:
    """Return the page for the marks of all bugs."""
    alive = [bug.name for bug, marks in zip(BUGS, matrix, strict=True) if not {NAMED, KILLS} & set(marks)]
    lines = [
        HEAD,
        f"Written by `python -m verification.kill_matrix`: {len(BUGS)} bugs, {len(CHECKS)} checks. "
        f"Survivors: {', '.join(alive) or 'none'}.\n",
    ]
    lines += _table(["check", "bugs caught", "named by", "caught by it alone"], [_counts(name, matrix) for name in CHECKS])
    lines += _table(["bug", "function", *CHECKS], [_cells(bug, marks) for bug, marks in zip(BUGS, matrix, strict=True)])
    return "\n".join(lines)


def _counts(check: str, matrix: list[list[str]]) -> list[str]:
    place = list(CHECKS).index(check)
    hits = [marks for marks in matrix if marks[place] in (NAMED, KILLS)]
    alone = sum(sum(mark in (NAMED, KILLS) for mark in marks) == 1 for marks in hits)
    return [check, str(len(hits)), str(sum(bug.check == check for bug in BUGS)), str(alone)]


def _cells(bug: Bug, marks: list[str]) -> list[str]:
    source = f" ({bug.source})" if bug.source else ""
    return [f"{bug.sentence}{source}", bug.operations[0], *marks]


def _table(head: list[str], rows: list[list[str]]) -> list[str]:
    lines = [head, ["---"] * len(head), *rows]
    return [*(f"| {' | '.join(cells)} |" for cells in lines), ""]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run every check on every bug and write the page; return 1 if a bug survives its check, or the reference does not."""
    parser = argparse.ArgumentParser(prog="python -m verification.kill_matrix", description="Write docs/kill-matrix.md.")
    parser.add_argument("--output", type=Path, default=PAGE, help="the file to write")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="processes (default: one a core)")
    chosen = parser.parse_args(arguments)
    matrix: list[list[str]] = []
    with ProcessPoolExecutor(chosen.jobs) as pool:
        alarms = pool.map(false_alarms, CHECKS)
        for marks in pool.map(row, range(len(BUGS))):
            matrix.append(marks)
            sys.stderr.write(f"\r{len(matrix)}/{len(BUGS)} {BUGS[len(matrix) - 1].name:60}")
        wrong = [f"the reference does not pass {name}: {op}" for name, ops in zip(CHECKS, alarms, strict=True) for op in ops]
    wrong += [f"survives {bug.check}: {bug.name}" for bug, marks in zip(BUGS, matrix, strict=True) if NAMED not in marks]
    chosen.output.write_text(page(matrix), encoding="utf-8")
    sys.stderr.write("\n" + "".join(f"{line}\n" for line in wrong))
    return bool(wrong)


if __name__ == "__main__":
    raise SystemExit(main())
