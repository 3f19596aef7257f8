"""A scorecard as text for a terminal and as HTML for a notebook: a table, the policies, and every failure in full."""

from collections.abc import Iterable
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from verification.scorecard import About, Row, Scorecard

WORDS = {"failed": "FAILED", "mistrusted": "MISTRUSTED", "not provided": "-"}  # the others are words enough
COLOURS = {"failed": "#b00020", "mistrusted": "#8a5a00", "passed": "#1b6e3c"}


def header(about: "About") -> list[str]:
    """Return what is to be verified, and what its signatures say that it supports."""
    lines = [f"verifying {about.name}" + (f" ({about.file})" if about.file else "")]
    for name, function in about.functions.items():
        takes = ", ".join(function.supports) or "no option"
        lacks = f"; unsupported: {', '.join(function.lacks)}" if function.lacks else ""
        weaker = f"; error class {function.error_class}" if function.error_class != "gamma" else ""
        lines.append(f"  {name}: {takes}{lacks}{weaker}")
    return lines + [f"  note: {hint}" for hint in about.hints]


def text(scorecard: "Scorecard") -> str:
    """Return the table, and every failure in full."""
    return "\n\n".join(["\n".join(summary(scorecard)), *map(failure, scorecard.failures)])


def summary(scorecard: "Scorecard") -> list[str]:
    """Return the tables and what there is to say below them, line by line."""
    lines = []
    for cells in tables(scorecard):
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        lines += ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]
        lines.append("")
    return [*lines, *notes(scorecard), total(scorecard)]


def tables(scorecard: "Scorecard") -> list[list[list[str]]]:
    """Return tables of one row for each check and one column for each function that is provided; four fit a line."""
    functions = [name for name in scorecard.about.functions if scorecard.of(name)]
    return [_table(scorecard, functions[i : i + 4]) for i in range(0, len(functions), 4)]


def _table(scorecard: "Scorecard", functions: list[str]) -> list[list[str]]:
    found = {(row.check, row.function): row for row in scorecard.rows}
    checks = dict.fromkeys(row.check for row in scorecard.rows if row.function in functions)
    body = [[check, *(_word(found.get((check, name))) for name in functions)] for check in checks]
    ratios = [scorecard.worst(name) for name in functions]
    if any(ratio is not None for ratio in ratios):
        body.append(["worst error / bound", *("-" if ratio is None else f"{ratio:.2g}" for ratio in ratios)])
    return [["", *functions], *body]


def notes(scorecard: "Scorecard") -> list[str]:
    """Return what a table cannot hold: policies, what is unsupported, what is not provided, and names that came near."""
    lines = []
    for name in scorecard.about.functions:
        lines += [f"{name}: {question.rstrip(',')}: {answer}" for question, answer in scorecard.policies(name).items()]
        lines += [f"{name}: unsupported: {what}" for what in _unsupported(scorecard.of(name))]
    missing = [name for name in dict.fromkeys(row.function for row in scorecard.rows) if name not in scorecard.about.functions]
    lines += [f"not provided: {', '.join(missing)}"] * bool(missing)
    return lines + scorecard.about.hints


def total(scorecard: "Scorecard") -> str:
    """Return the last line."""
    counts = ", ".join(f"{count} {verdict}" for verdict, count in scorecard.counts.items() if count)
    part = "" if scorecard.complete else "; not every check was run"
    return f"{scorecard.about.name}: {scorecard.verdict}: {counts or 'nothing was checked'}; score {scorecard.score:.2f}{part}"


def title(row: "Row") -> str:
    """Return the line that opens a failure."""
    if row.failure is None:
        return f"{row.function}, {row.check}: {row.verdict}: {row.reason}"
    return f"{row.function}, {row.check}: {row.failure.message.splitlines()[0]}"


def failure(row: "Row") -> str:
    """Return a failure as a person wants it: what is wrong, the case to paste, expected, got, where, and why."""
    found = row.failure
    if found is None:
        return title(row)
    parts = ["\n".join([title(row), *found.message.splitlines()[1:]])]
    if found.code:
        parts.append(f"The smallest case that shows it, to paste:\n\n{_indented(found.code)}")
    shown = {"expected": found.expected, "got": found.got}  # neither, where it raises; one, where it should have
    parts += ["\n".join(f"{name}:\n{_indented(array)}" for name, array in shown.items() if array)] * bool(any(shown.values()))
    if found.index is not None:
        bound = "" if found.bound is None else f"; the error there may be at most {found.bound:.3g}"
        parts.append(f"first bad index: {tuple(found.index)}{bound}")
    if found.diagnosis:
        parts.append("Diagnosis:\n" + "\n".join(f"  - {sentence}" for sentence in found.diagnosis))
    return "\n\n".join(parts)


def html(scorecard: "Scorecard") -> str:
    """Return the same as plain HTML."""
    rows = [row for cells in tables(scorecard) for row in _html_table(cells)]
    lines = [f"<p>{escape(line)}</p>" for line in notes(scorecard)]
    blocks = [
        f"<details><summary>{escape(title(r))}</summary><pre>{escape(failure(r))}</pre></details>" for r in scorecard.failures
    ]
    return "\n".join([f"<p><b>{escape(total(scorecard))}</b></p>", *rows, *lines, *blocks])


def _html_table(cells: list[list[str]]) -> list[str]:
    head, *body = cells
    rows = [f"<tr>{''.join(f'<th>{escape(cell)}</th>' for cell in head)}</tr>"]
    rows += [f"<tr><th>{escape(check)}</th>{''.join(map(_td, row))}</tr>" for check, *row in body]
    return ["<table>", *rows, "</table>"]


def _word(row: "Row | None") -> str:
    return "" if row is None else WORDS.get(row.verdict, row.verdict)


def _td(cell: str) -> str:
    colour = COLOURS.get(cell.lower())
    return f'<td style="color: {colour}">{escape(cell)}</td>' if colour else f"<td>{escape(cell)}</td>"


def _unsupported(rows: Iterable["Row"]) -> list[str]:
    """Return the options that a signature lacks, all on one line, and every other reason on a line of its own."""
    reasons = list(dict.fromkeys(reason for row in rows for reason in row.unsupported))
    options = ", ".join(reason for reason in reasons if ":" not in reason)
    return [options] * bool(options) + [reason for reason in reasons if ":" in reason]


def _indented(block: str) -> str:
    return "\n".join(f"    {line}".rstrip() for line in block.splitlines())
