"""More pictures of a saved run, where it has the data: time over arithmetic as one size grows, and accuracy against speed."""

from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.cells import number
from benchmarks.compare import points, series, slope
from benchmarks.contestants import ALGORITHMS
from benchmarks.plots import LOOK, MORE, STYLES
from benchmarks.results import Run


def draw(run: Run, folder: Path, stem: str) -> list[Path]:
    """Draw what there is into ``folder``, as PNG and SVG, and return the files."""
    files: list[Path] = []
    with mpl.rc_context(LOOK):
        if series(run):
            files += _save(_growth(run), folder, f"{stem}-growth")
        if set(run.contestants) & set(ALGORITHMS):
            files += _save(_accuracy(run), folder, f"{stem}-accuracy")
    return files


def _save(figure: Figure, folder: Path, stem: str) -> list[Path]:
    """Write a figure and return its files."""
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / f"{stem}.png", folder / f"{stem}.svg"]
    figure.savefig(files[0], dpi=150, metadata={"Software": None})
    figure.savefig(files[1], metadata={"Date": None, "Creator": None})
    return files


def style(run: Run, name: str) -> dict[str, Any]:
    """Return a contestant's colour and shape."""
    colour, marker = STYLES.get(name) or MORE[run.contestants.index(name) % len(MORE)]
    return {"color": colour, "marker": marker}


def _growth(run: Run) -> Figure:
    """Draw a panel for each size that grows."""
    curves = series(run)
    figure = Figure(figsize=(9, 2.9 * -(-len(curves) // 2)), layout="constrained", facecolor="white")
    panels: list[Axes] = list(figure.subplots(-(-len(curves) // 2), 2, squeeze=False).flat)
    for panel, (what, results) in zip(panels, curves.items(), strict=False):
        for name in run.contestants:
            x, y = points(results, name)
            if len(x) > 2:
                panel.loglog(x, [1e3 * t for t in y], label=f"{name}: {number(slope(x, y))}", linewidth=1, **style(run, name))
        panel.set_title(f"{what} grows", fontsize=10, loc="left")
        panel.legend(title="slope", fontsize=7, title_fontsize=7, frameon=False)
        panel.grid(color="#dddddd", linewidth=0.8)
        panel.set_xlabel("multiply-adds")
        panel.set_ylabel("milliseconds")
    return figure


def _accuracy(run: Run) -> Figure:
    """Draw a point for each algorithm on each layer: how far right, as much less accurate; how far up, as much slower."""
    figure = Figure(figsize=(8, 5), layout="constrained", facecolor="white")
    panel = figure.add_subplot()
    for name in [*(c for c in run.contestants if c in ALGORITHMS), *(["torch"] if "torch" in run.contestants else [])]:
        found = [(r.entries[name].error_over_bound, r.ratio(name, "torch")) for r in run.layers if name in r.entries]
        dots = [(error, ratio[1]) for error, ratio in found if error and ratio]
        if dots:
            panel.scatter(*zip(*dots, strict=True), label=name.partition(":")[2] or name, s=18, **style(run, name))
    panel.set_xscale("log")
    panel.set_yscale("log")
    panel.axvline(1, color="#777777", linewidth=1)
    panel.set_xlabel("largest error over the bound of a plain sum (left of the line: as good as any order of summation)")
    panel.set_ylabel("time over torch's")
    panel.grid(color="#dddddd", linewidth=0.8)
    panel.legend(frameon=False)
    return figure
