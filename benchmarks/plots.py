"""The picture of a saved run: each layer's times over torch's, on a logarithmic axis, as PNG and SVG."""

from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from benchmarks.cells import number, percent
from benchmarks.layers import CLASSES
from benchmarks.report import BUSY, ratios, subject
from benchmarks.results import LayerResult, Run
from benchmarks.stats import geometric_mean, quartiles

# Okabe and Ito's colours, told apart by any eyes; and a shape each, told apart without colour.
STYLES = {
    "naive": ("#777777", "o"),
    "tensordot": ("#E69F00", "s"),
    "vectorized": ("#0072B2", "D"),
    "torch": ("#009E73", "|"),
    "vectorized:fast": ("#56B4E9", "P"),
}
MORE = (("#D55E00", "^"), ("#CC79A7", "v"), ("#000000", "X"), ("#F0E442", "<"))
LOOK: dict[Any, Any] = {"svg.hashsalt": "samesum", "font.size": 9, "axes.spines.top": False, "axes.spines.right": False}
Lines = list[LayerResult | str]


def draw(run: Run, folder: Path, stem: str) -> list[Path]:
    """Draw the run into ``folder`` as ``stem``.png and ``stem``.svg and return the files; none where nothing was timed."""
    if not any(entry.samples for result in run.layers for entry in result.entries.values()):
        return []
    lines = _lines(run)
    files = [folder / f"{stem}.png", folder / f"{stem}.svg"]
    folder.mkdir(parents=True, exist_ok=True)
    with mpl.rc_context(LOOK):
        figure = Figure(figsize=(9, 1.6 + 0.21 * len(lines)), layout="constrained", facecolor="white")
        axes = figure.add_subplot()
        for i, name in enumerate(run.contestants):
            _points(axes, run, lines, name, STYLES.get(name) or MORE[i % len(MORE)])
        _frame(axes, run, lines)
        figure.savefig(files[0], dpi=150, metadata={"Software": None})
        figure.savefig(files[1], metadata={"Date": None, "Creator": None})
    return files


def _lines(run: Run) -> Lines:
    """Return what stands on the vertical axis from top to bottom: the name of a class, then its layers."""
    lines: Lines = []
    for kind in CLASSES:
        results = [r for r in run.layers if r.layer.kind == kind]
        lines += [_heading(run, kind, results), *results] if results else []
    return lines


def _heading(run: Run, kind: str, results: list[LayerResult]) -> str:
    """Return a class's name, with the subject's mean where there is one."""
    about = subject(run)
    found = ratios(results, about, "torch") if about else []
    return f"{kind}: {about} {number(geometric_mean(found))} x torch" if found else kind


def _points(axes: Axes, run: Run, lines: Lines, name: str, style: tuple[str, str]) -> None:
    """Draw a contestant's point for each layer, with a bar from its first quartile to its third."""
    places, values, spreads = [], [], []
    for y, line in enumerate(lines):
        entry = None if isinstance(line, str) else line.entries.get(name)
        unit = None if isinstance(line, str) else line.entries["torch"].time if "torch" in run.contestants else 1e-3
        if entry and entry.samples and unit:
            low, median, high = (q / unit for q in quartiles(entry.samples))
            places.append(y)
            values.append(median)
            spreads.append((median - low, high - median))
    colour, marker = style
    thin = marker == "|"
    axes.errorbar(
        values, places, xerr=list(zip(*spreads, strict=True)) or None, fmt=marker, color=colour, label=name, zorder=3,
        markersize=9 if thin else 5, markeredgewidth=2 if thin else 0, elinewidth=1,
    )  # fmt: skip


def _frame(axes: Axes, run: Run, lines: Lines) -> None:
    """Draw what the points stand in: names, axis, legend, and where it was measured."""
    axes.set_yticks(range(len(lines)), [line if isinstance(line, str) else line.layer.title for line in lines])
    for label, line in zip(axes.get_yticklabels(), lines, strict=True):
        label.set_fontweight("bold" if isinstance(line, str) else "normal")
    axes.set_ylim(len(lines) - 0.4, -0.8)
    axes.tick_params(axis="y", length=0)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.grid(axis="x", color="#dddddd", linewidth=0.8)
    low, high = axes.get_xlim()
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < 300 * low else (1,)))
    what = "milliseconds a call"
    if "torch" in run.contestants:
        axes.axvline(1, color=STYLES["torch"][0], linewidth=1)
        what = "time over torch's"
    axes.set_xlabel(f"{what}: median and quartiles")
    where = f"{run.machine['cpu']}, {run.machine['cores']} cores, {run.settings['dtype']}, {run.date[:10]}"
    others = run.machine["others"]
    where += f"; {percent(others)} of the cores taken by others" if others and others > BUSY else ""
    axes.figure.suptitle(f"Convolution and pooling on real layers ({where})", x=0.01, ha="left", fontsize=10)
    axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=min(len(run.contestants), 5), frameon=False, fontsize=9)
