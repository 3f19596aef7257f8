"""What a saved run says beyond its layers: what auto chose and lost, how time grows, what accuracy costs. It only reads."""

from collections.abc import Sequence
from math import log
from statistics import linear_regression, median

from benchmarks.cells import NOTHING, number, percent, seconds
from benchmarks.contestants import ALGORITHMS, FAST
from benchmarks.report import Table, by_class
from benchmarks.results import LayerResult, Run
from benchmarks.stats import geometric_mean

AUTO, FASTEST = "vectorized", f"vectorized:{FAST}"
NEAR = 1.10  # as good as the best: within a tenth of it


def tables(run: Run) -> list[Table]:
    """Return those of the tables that the run has data for."""
    found = []
    if set(run.contestants) & set(ALGORITHMS):
        found += [choices(run), summary(run), accuracy(run)]
    if any(result.layer.network == "Growth" for result in run.layers):
        found.append(growth(run))
    if any(entry.apart for result in run.layers for entry in result.entries.values()):
        found.append(apart(run))
    return found


def best(result: LayerResult, error_class: str | None) -> tuple[str, float] | None:
    """Return the fastest algorithm of an error class, or of any for ``None``, and its time."""
    times = {
        name.partition(":")[2]: entry.time
        for name, entry in result.entries.items()
        if name in ALGORITHMS and entry.time is not None and error_class in (None, entry.error_class)
    }
    return min(times.items(), key=lambda item: item[1]) if times else None


def lost(result: LayerResult, contestant: str) -> float | None:
    """Return the time of the algorithm that auto chose over that of the best that it could have chosen."""
    entry, found = result.entries.get(contestant), best(result, None if contestant == FASTEST else "gamma")
    taken = result.entries.get(f"vectorized:{entry.algorithm}") if entry else None
    return taken.time / found[1] if taken and taken.time and found else None


def choices(run: Run) -> Table:
    """Return what auto chose for each layer, what would have been best, and what that cost."""

    def rows(result: LayerResult) -> list[list[str]]:
        cells = [result.layer.title]
        for contestant in (AUTO, FASTEST):
            entry, found, ratio = (
                result.entries.get(contestant),
                best(result, None if contestant == FASTEST else "gamma"),
                lost(result, contestant),
            )
            cells += [
                entry.algorithm if entry else NOTHING,
                f"{found[0]} {seconds(found[1])}" if found else NOTHING,
                number(ratio) if ratio else NOTHING,
            ]
        return [cells]

    head = ["layer", "auto", "best of class gamma", "auto / best", "auto, fast", "best of all", "fast / best"]
    convolutions = Run(**{**run.__dict__, "layers": [r for r in run.layers if r.layer.operation == "conv2d"]})
    return Table("What auto chose", head, by_class(convolutions, rows))


def summary(run: Run) -> Table:
    """Return how often auto was as good as the best."""
    rows = []
    for contestant in (AUTO, FASTEST):
        ratios = [ratio for result in run.layers if (ratio := lost(result, contestant))]
        if ratios:
            near = sum(ratio <= NEAR for ratio in ratios) / len(ratios)
            rows.append([contestant, str(len(ratios)), percent(near), number(geometric_mean(ratios)), number(max(ratios))])
    return Table("Auto against the best algorithm", ["", "layers", "within 10 %", "mean ratio", "worst"], [("", rows)])


def accuracy(run: Run) -> Table:
    """Return each contestant's error beside its time: means over the layers on which it ran beside the plain algorithm."""
    rows = []
    for name in run.contestants:
        pairs = [(r.ratio(name, "vectorized:strips"), r.entries[name]) for r in run.layers if name in r.entries]
        timed = [(ratio[1], entry) for ratio, entry in pairs if ratio]
        errors = [entry.error_over_bound for _, entry in timed if entry.error_over_bound]
        if timed and errors:
            time = number(geometric_mean([ratio for ratio, _ in timed]))
            rows.append([name, str(len(timed)), time, f"{geometric_mean(errors):.2g}", f"{max(errors):.2g}"])
    head = ["", "layers", "time over strips", "mean error / bound", "largest"]
    return Table("Accuracy against speed (the bound is that of a plain sum, whatever the class)", head, [("", rows)])


def apart(run: Run) -> Table:
    """Return how much longer each contestant takes while the cores are apart, on the layers on which it was timed both ways."""
    rows = []
    for name in run.contestants:
        timed = [(r.layer.title, r.entries[name]) for r in run.layers if name in r.entries]
        ratios = {title: median(e.apart) / e.time for title, e in timed if e.apart and e.time}
        if ratios:
            worst = max(ratios, key=ratios.__getitem__)
            rows.append(
                [name, str(len(ratios)), number(geometric_mean([*ratios.values()])), f"{number(ratios[worst])} ({worst})"]
            )
    return Table("While the cores are apart", ["", "layers", "time over that while they are near", "worst"], [("", rows)])


def series(run: Run) -> dict[str, list[LayerResult]]:
    """Return the layers of each growth curve, by what grows."""
    found: dict[str, list[LayerResult]] = {}
    for result in run.layers:
        if result.layer.network == "Growth":
            found.setdefault(result.layer.name.split()[0], []).append(result)
    return found


def points(results: Sequence[LayerResult], name: str) -> tuple[list[float], list[float]]:
    """Return the arithmetic (multiply-adds) and the times of a contestant along a curve."""
    timed = [(float(r.layer.macs), e.time) for r in results if (e := r.entries.get(name)) and e.time is not None]
    return [macs for macs, _ in timed], [time for _, time in timed]


def slope(x: Sequence[float], y: Sequence[float]) -> float:
    """Return the exponent p of the power law y = c * x**p that fits best: the slope of the logarithms.

    >>> round(slope([1, 10, 100], [2, 20, 200]), 9), round(slope([1, 10, 100], [3, 300, 30000]), 9)
    (1.0, 2.0)
    """
    return linear_regression([log(v) for v in x], [log(v) for v in y]).slope


def growth(run: Run) -> Table:
    """Return by what power of the arithmetic the time grows."""
    rows = []
    for what, results in series(run).items():
        cells = [what, f"{results[0].layer.macs / 1e6:.0f} to {results[-1].layer.macs / 1e6:.0f} million"]
        for name in run.contestants:
            x, y = points(results, name)
            cells.append(number(slope(x, y)) if len(x) > 2 else NOTHING)
        rows.append(cells)
    return Table(
        "Slope of the time over the arithmetic, both as logarithms", ["grows", "multiply-adds", *run.contestants], [("", rows)]
    )
