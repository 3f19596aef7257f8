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
from verification.checks import CHECKS
from verification.runner import run_check

PAGE = Path(__file__).parent.parent / "docs" / "kill-matrix.md"
NAMED, KILLS, PASSES, NOTHING = "◉", "●", "·", ""
HEAD = """# The kill matrix

Every planted bug (a row; verification/bugs/) against every check (a column; verification/checks/). Each bug is in one
function of an otherwise right implementation; a column that cannot judge that function is blank.

- {named} the check that the bug names: `tests/test_kill_matrix.py` proves each of these on every run
- {kills} another check that catches it
- {passes} a check that passes in spite of it

Written by `python -m verification.kill_matrix`: {bugs} bugs, {checks} checks. {survivors}
"""


def kills(bug: Bug, operation: str, check: str) -> bool:
    """Return whether a check finds the bug in this operation."""
    return run_check(bug.implementation(operation), operation, CHECKS[check], smallest=False).verdict == "failed"


def row(number: int) -> list[str]:
    """Return the marks of one bug, in its first operation, under every check."""
    profiles.use("ci")
    bug = BUGS[number]
    operation, marks = bug.operations[0], []
    for name, check in CHECKS.items():
        if operation not in check.operations:
            marks.append(NOTHING)
        elif kills(bug, operation, name):
            marks.append(NAMED if name == bug.check else KILLS)
        else:
            marks.append(PASSES)
    return marks


def page(matrix: list[list[str]]) -> str:
    """Return the page for the marks of all bugs."""
    alive = [bug.name for bug, marks in zip(BUGS, matrix, strict=True) if not {NAMED, KILLS} & set(marks)]
    survivors = f"Survivors: {', '.join(alive)}." if alive else "Survivors: none."
    numbers = {"bugs": len(BUGS), "checks": len(CHECKS), "survivors": survivors}
    lines = [HEAD.format(named=NAMED, kills=KILLS, passes=PASSES, **numbers)]
    lines += _table(["check", "bugs killed", "named by", "killed by it alone"], [_counts(name, matrix) for name in CHECKS])
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


def _table(head: Sequence[str], rows: list[list[str]]) -> list[str]:
    lines = [head, ["---"] * len(head), *rows]
    return [*(f"| {' | '.join(cells)} |" for cells in lines), ""]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run every check on every bug and write the page; return 1 if a bug survives its named check."""
    parser = argparse.ArgumentParser(prog="python -m verification.kill_matrix", description="Write docs/kill-matrix.md.")
    parser.add_argument("--output", type=Path, default=PAGE, help="the file to write")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="processes (default: one a core)")
    chosen = parser.parse_args(arguments)
    matrix: list[list[str]] = []
    with ProcessPoolExecutor(chosen.jobs) as pool:
        for marks in pool.map(row, range(len(BUGS))):
            matrix.append(marks)
            sys.stderr.write(f"\r{len(matrix)}/{len(BUGS)} {BUGS[len(matrix) - 1].name:60}")
    sys.stderr.write("\n")
    chosen.output.write_text(page(matrix), encoding="utf-8")
    missed = [bug for bug, marks in zip(BUGS, matrix, strict=True) if NAMED not in marks]
    sys.stderr.writelines(f"survives its named check, {bug.check}: {bug.name}\n" for bug in missed)
    return bool(missed)


if __name__ == "__main__":
    raise SystemExit(main())
