"""The tables of a saved run. It only reads data: what is not in the file is not in the report.

A ratio is one of medians; a mean is the geometric mean over the layers on which both contestants ran, and says how many.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

from rich import box
from rich.table import Table as RichTable
from rich.text import Text

from benchmarks.cells import NOTHING, mean, mebibytes, number, percent, seconds, time_of
from benchmarks.contestants import ALGORITHMS, NOTES
from benchmarks.layers import CLASSES
from benchmarks.results import LayerResult, Run
from benchmarks.stats import quartiles

REFERENCES = ("naive", "tensordot", "product", "torch")
MEASURES = ["speed-up over naive", "time over torch", "share of peak", "share of bandwidth", "error / bound", "scratch"]
BUSY = 0.05  # of the cores' time, taken by other programs
Rows = list[list[str]]


@dataclass(frozen=True)
class Table:
    """A table as text: a head, and sections of rows under a name each."""

    title: str
    head: list[str]
    sections: list[tuple[str, Rows]]

    def markdown(self) -> str:
        """Return the table in GitHub's notation."""
        lines = [f"| {' | '.join(self.head)} |", f"|{'|'.join(['---', *['---:'] * (len(self.head) - 1)])}|"]
        for name, rows in self.sections:
            lines += [f"| **{name}** |{' |' * (len(self.head) - 1)}"] if name else []
            lines += [f"| {' | '.join(row)} |" for row in rows]
        return "\n".join(lines)

    def rich(self) -> RichTable:
        """Return the table for a terminal."""
        table = RichTable(title=self.title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
        for i, name in enumerate(self.head):
            table.add_column(Text(name), justify="right" if i else "left", overflow="fold")
        for name, rows in self.sections:
            if name:
                table.add_row(Text(name, style="bold"))
            for row in rows:
                table.add_row(*(Text(cell, style="bold red" if cell in ("WRONG", "failed") else "") for cell in row))
            table.add_section()
        return table


def subject(run: Run) -> str | None:
    """Return the contestant that the run is about: the first that is not a reference, or else tensordot."""
    others = [c for c in run.contestants if c not in REFERENCES]
    return next(iter(others), "tensordot" if "tensordot" in run.contestants else None)


def ratios(results: Sequence[LayerResult], over: str, under: str) -> list[float]:
    """Return the ratio of the two contestants' medians on each layer where both ran."""
    return [found[1] for found in (result.ratio(over, under) for result in results) if found]


def overview(run: Run) -> Table:
    """Return a row for each layer: the times of all, and how the subject did."""
    about, shown = subject(run), [c for c in run.contestants if c not in ALGORITHMS]

    def rows(result: LayerResult) -> Rows:
        times = [time_of(result.entries.get(c)) for c in shown]
        return [[result.layer.title, *times, *(_measures(run, result, about) if about else [])]]

    head = ["layer", *shown, *(MEASURES if about else [])]
    return Table(f"Time of one call, {run.settings['dtype']}", head, by_class(run, rows))


def details(run: Run) -> Table:
    """Return a row for each contestant on each layer, with the spread."""
    head = ["layer, contestant", "time", "quartiles", "turns", "time over torch, range", *MEASURES]

    def rows(result: LayerResult) -> Rows:
        lines = [[f"{result.layer.title}: {result.layer.shape}", *[""] * (len(head) - 1)]]
        for name, entry in result.entries.items():
            low, _, high = quartiles(entry.samples) if entry.samples else (0.0, 0.0, 0.0)
            spread = f"{seconds(low)} to {seconds(high)}" if entry.samples else NOTHING
            over = result.ratio(name, "torch")
            spread_over = f"{number(over[0])} to {number(over[2])}" if over else NOTHING
            cells = [f"- {name}", time_of(entry), spread, str(len(entry.samples)), spread_over]
            lines.append(cells + _measures(run, result, name))
        return lines

    return Table(f"Every contestant, {run.settings['dtype']}", head, by_class(run, rows))


def means(run: Run) -> Table:
    """Return the geometric means of each class of layers, each with the number of layers that it is of."""
    others = [c for c in run.contestants if c not in ("naive", "torch", *ALGORITHMS)]
    pairs = [(c, "torch") for c in others if "torch" in run.contestants]
    pairs += [("naive", c) for c in [*others, "torch"] if {"naive", c} <= set(run.contestants)]
    about = subject(run)
    with_median = ("naive", about) in pairs
    head = ["class of layers", *(f"{a} / {b}" for a, b in pairs), *([f"median naive / {about}"] if with_median else [])]
    head += ["floor / torch"] if "torch" in run.contestants else []
    rows = []
    for kind in CLASSES:
        results = [r for r in run.layers if r.layer.kind == kind]
        cells = [mean(ratios(results, a, b)) for a, b in pairs]
        if with_median:
            found = ratios(results, "naive", str(about))
            cells.append(f"{number(median(found))} ({len(found)})" if found else NOTHING)
        if "torch" in run.contestants:
            cells.append(mean(floors(run, results)))
        rows += [[kind, *cells]] if results else []
    return Table("Geometric mean of the ratio of times (number of layers on which both ran)", head, [("", rows)])


def floors(run: Run, results: Sequence[LayerResult]) -> list[float]:
    """Return the roofline's time over torch's, on each layer where it ran: what peak and bandwidth leave to anybody."""
    times = [(run.floor(result), result.entries.get("torch")) for result in results]
    return [floor / entry.time for floor, entry in times if floor and entry and entry.time]


def remarks(run: Run) -> list[str]:
    """Return what has to be said beside the tables: what differs, what did not run and why, the machine, what was wrong."""
    about, peaks = subject(run), ", ".join(f"{library} {rate / 1e9:.0f}" for library, rate in run.peak.items())
    lines = [f"INTERRUPTED after {len(run.layers)} layers."] if run.interrupted else []
    if about:
        lines.append(f"Speed-up, time over torch, share of peak, error over bound and scratch memory are those of {about}.")
    lines.append(f"Peak: matrix product of size {run.settings['product']}, {run.settings['dtype']}, in GFLOP/s: {peaks}.")
    if run.bandwidth:
        rates = ", ".join(f"{library} {rate / 1e9:.1f}" for library, rate in run.bandwidth.items())
        size = mebibytes(run.settings["copied"])
        lines.append(f"Bandwidth: a copy of {size}, in GB/s read and written: {rates}. A layer moves all it has once.")
        lines.append("Floor: what a layer multiplies at that peak or moves at that bandwidth, whichever takes longer.")
    lines += [f"{name}: {NOTES[name]}." for name in run.contestants if name in NOTES]
    reasons = dict.fromkeys(f"{name}: {e.reason}" for r in run.layers for name, e in r.entries.items() if e.status == "not run")
    lines += [f"Not run: {reason}." for reason in reasons]
    return [*lines, *_machine(run), *run.wrong]


def _machine(run: Run) -> list[str]:
    """Return the machine in a sentence, and a warning if it was busy."""
    m, pools = run.machine, [p for p in run.machine["numpy"].get("pools", []) if p.get("user_api") == "blas"]
    blas = ", ".join(f"{p['internal_api']} {p['version']} with {p['num_threads']} threads" for p in pools) or "unknown BLAS"
    lines = [
        f"{m['cpu']}, {m['cores']} cores, {m['system']}, {m['python']}, NumPy {m['numpy']['version']} ({blas}), "
        f"torch {m['torch']['version']} with {m['torch']['threads']} threads; one contestant a process, in turn; "
        f"allocator: {m['allocator']}.",
        f"{run.date}: {run.command}",
    ]
    if m.get("round_trip"):
        entries = [entry for result in run.layers for entry in result.entries.values()]
        again, count = sum(len(e.apart) for e in entries), sum(len(e.samples) for e in entries)
        lines.append(
            f"Cores: a byte takes {seconds(m['round_trip'])} from one to the other and back at the nearest. "
            f"{count} turns count, {again} were taken again: before or after them it took more than twice as long."
        )
    far = [result.layer.title for result in run.layers if not result.near]
    if far:
        lines.append(f"They were so for too long: from {far[0]} on all turns count ({len(far)} of {len(run.layers)} layers).")
    if m["others"] is not None and m["others"] > BUSY:
        lines.append(f"Other programs took {percent(m['others'])} of the cores' time during the run: trust no time in it.")
    return lines


def _measures(run: Run, result: LayerResult, name: str) -> list[str]:
    """Return a contestant's cells under MEASURES."""
    entry, faster, over = result.entries.get(name), result.ratio("naive", name), result.ratio(name, "torch")
    checked = entry is not None and entry.status in ("timed", "wrong")
    weaker = f" ({entry.error_class})" if entry and entry.error_class != "gamma" else ""
    return [
        number(faster[1]) if faster else NOTHING,
        number(over[1]) if over else NOTHING,
        percent(run.share_of_peak(result, name)),
        percent(run.share_of_bandwidth(result, name)),
        f"{entry.error_over_bound:.2g}{weaker}" if entry and entry.error_over_bound is not None else NOTHING,
        mebibytes(entry.scratch) if entry and checked else NOTHING,
    ]


def by_class(run: Run, rows: Callable[[LayerResult], Rows]) -> list[tuple[str, Rows]]:
    """Return the rows of the layers, one section for each class that the run has."""
    found = [(kind, [row for r in run.layers if r.layer.kind == kind for row in rows(r)]) for kind in CLASSES]
    return [(kind, lines) for kind, lines in found if lines]
