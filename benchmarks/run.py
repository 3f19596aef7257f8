"""A run from end to end: races the layers, shows where it is, saves after every layer, and shows what it found."""

import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks import compare, machine, report
from benchmarks.cells import time_of
from benchmarks.layers import Layer
from benchmarks.process import OverdueError, WorkerError
from benchmarks.results import LayerResult, Run, save
from benchmarks.timing import Race, Settings

GOOD, WRONG, USAGE, INTERRUPTED = 0, 1, 2, 130
Show = tuple[Callable[[str], None], Callable[[LayerResult], None]]


def run(
    layers: Sequence[Layer], contestants: Sequence[str], settings: Settings, command: str, output: Path
) -> tuple[Run, Path, int]:
    """Check, time and save; return the run, its file and the exit status. Ctrl-C keeps the layers that are done.

    Nothing is saved if not one layer was done.
    """
    now, others = machine.now(), machine.Others()
    this = Run(now.isoformat(), command, list(contestants), asdict(settings), machine.describe(), {})
    file = output / f"benchmark-{now:%Y-%m-%d-%H%M%S}.json"
    try:
        with _terminable(), _progress(len(layers)) as (tell, done), Race(contestants, settings) as race:
            tell("the machine's peak")
            this.peak, this.bandwidth, libraries = race.machine()
            this.machine |= libraries
            race.calibrate(layer.operation for layer in layers)
            for layer in layers:
                this.layers.append(race.run(layer, tell))
                this.machine["round_trip"] = race.nearest
                save(this, file)  # so that whatever happens, what is done is kept
                done(this.layers[-1])
        this.interrupted = False
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        status = INTERRUPTED
    except (OverdueError, WorkerError) as error:  # a contestant's are its result; these are of the judge or the machine's peak
        print(f"stopped: {error}", file=sys.stderr)
        status = WRONG
    else:
        status = WRONG if this.wrong else GOOD
    this.machine["others"] = others.share()
    if this.layers:
        save(this, file)
    return this, file, status


def show(this: Run, *, detailed: bool, markdown: bool) -> None:
    """Print the tables and the remarks."""
    tables = [report.details(this) if detailed else report.overview(this), report.means(this), *compare.tables(this)]
    if markdown:
        print("\n\n".join([*(table.markdown() for table in tables), *report.remarks(this)]))
        return
    console = Console(width=None if sys.stdout.isatty() else 200, highlight=False)
    for table in tables:
        console.print(table.rich())
    for line in report.remarks(this):
        console.print(line, markup=False, soft_wrap=True)


@contextmanager
def _progress(total: int) -> Iterator[Show]:
    """Give two functions, for what is being done and for a layer that is done: a bar on a terminal, else a line a layer."""
    console = Console(stderr=True, highlight=False)
    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task, count = bar.add_task("", total=total), iter(range(1, total + 1))

        def tell(text: str) -> None:
            bar.update(task, description=text)

        def done(result: LayerResult) -> None:
            bar.advance(task)
            times = ", ".join(f"{name} {time_of(entry)}" for name, entry in result.entries.items())
            if not console.is_terminal:
                print(f"[{next(count)}/{total}] {result.layer.title}: {times}", file=sys.stderr, flush=True)

        yield tell, done


@contextmanager
def _terminable() -> Iterator[None]:
    """Treat a request to terminate (on Windows, Ctrl-Break too) as Ctrl-C: it ends the workers and keeps what is done."""
    signals = [getattr(signal, name) for name in ("SIGTERM", "SIGBREAK") if hasattr(signal, name)]
    before = [signal.signal(number, signal.default_int_handler) for number in signals]
    try:
        yield
    finally:
        for number, handler in zip(signals, before, strict=True):
            signal.signal(number, handler)
