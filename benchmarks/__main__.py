"""The command line: ``python -m benchmarks`` races and saves, ``python -m benchmarks report FILE`` shows a saved run."""

# ruff: noqa: PLC0415 - what may not be installed is imported after it has been looked for

import argparse
import shlex
import sys
from collections.abc import Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benchmarks.contestants import ALGORITHMS, DEFAULT, DTYPES, KNOWN
from benchmarks.layers import OPERATIONS
from benchmarks.selection import NothingSelectedError, select
from benchmarks.timing import QUICK, SLOW, Settings

NEEDED = ("matplotlib", "psutil", "rich", "torch")
DETAILS = "a row for every contestant with its spread, instead of one for every layer"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status: 0 good, 1 a wrong result, 2 usage, 130 interrupted."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    if arguments[:1] == ["report"]:
        return report(report_parser(), arguments[1:])
    parser = run_parser()
    options = parser.parse_args(arguments)
    try:
        layers = select(
            options.network,
            options.layer,
            options.operation,
            everything=options.all,
            quick=options.quick,
            growth=options.growth,
            batch=options.batch,
        )
    except NothingSelectedError as error:
        parser.error(str(error))
    if options.list:
        print("\n".join(f"{layer.title:40}{layer.shape}" for layer in layers))
        return 0
    contestants = list(dict.fromkeys([*(options.contestant or DEFAULT), *(ALGORITHMS if options.algorithms else ())]))
    if unknown := [name for name in contestants if not _known(name)]:
        parser.error(f"no such contestant: {', '.join(unknown)}; there are torch, tensordot, and modules such as vectorized")
    _installed(parser)
    try:
        options.output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        parser.error(f"--output {options.output}: {error.strerror}")

    from benchmarks import curves, plots, run

    given = {name: getattr(options, name) for name in ("dtype", "budget") if getattr(options, name) is not None}
    settings = replace(Settings(), **((QUICK if options.quick else {}) | given))
    done, file, status = run.run(layers, contestants, settings, _command(arguments), options.output)
    if done.layers:
        run.show(done, detailed=options.details, markdown=False)
        pictures = [*plots.draw(done, options.output, file.stem), *curves.draw(done, options.output, file.stem)]
        print("saved: " + ", ".join(map(str, [file, *pictures])))
    return status


def report(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> int:
    """Show a saved run and return the exit status."""
    options = parser.parse_args(arguments)
    _installed(parser)
    from benchmarks import curves, plots, results, run

    try:
        saved = results.load(options.file)
    except results.NotARunError as error:
        parser.error(str(error))
    run.show(saved, detailed=options.details, markdown=options.markdown)
    if options.plot:
        pictures = [*plots.draw(saved, options.plot, options.file.stem), *curves.draw(saved, options.plot, options.file.stem)]
        print("saved: " + ", ".join(map(str, pictures)), file=sys.stderr)
    return 0


def run_parser() -> argparse.ArgumentParser:
    """Return the parser of a run."""
    p = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Check every contestant against the judge (torch in float64), then time all in turn, on real layers.",
        epilog="A saved run is shown again by: python -m benchmarks report FILE",
        allow_abbrev=False,
    )
    many: dict[str, Any] = {"action": "append", "default": []}
    p.add_argument("--network", **many, metavar="TEXT", help="among all layers, those of networks with such a word")
    p.add_argument("--layer", **many, metavar="TEXT", help="among all layers, those with such a word in their title")
    p.add_argument("--operation", **many, choices=OPERATIONS, help="only this operation")
    p.add_argument("--all", action="store_true", help="all layers, not the default selection")
    p.add_argument("--contestant", **many, metavar="NAME", help=f"{', '.join(DEFAULT)} (these are the default), product "
                   "(columns made before), vectorized:ALGORITHM, or a module with functions of the contract")  # fmt: skip
    p.add_argument("--algorithms", action="store_true", help="also every algorithm of vectorized; what auto chose, and lost")
    p.add_argument("--dtype", choices=DTYPES, help=f"of the data (default: {Settings.dtype})")
    p.add_argument("--batch", type=_positive, metavar="N", help="images in every layer, instead of the layer's own number")
    p.add_argument(
        "--budget",
        type=_seconds,
        metavar="S",
        help=f"seconds that {SLOW}, or one algorithm, has on a layer (default: {Settings.budget:g})",
    )
    p.add_argument("--growth", action="store_true", help="layers of which one size grows, and the slope of the time")
    p.add_argument("--quick", action="store_true", help="few layers, few rounds: a look, not a measurement")
    p.add_argument("--details", action="store_true", help=DETAILS)
    p.add_argument("--output", type=Path, default=Path("results"), metavar="DIR", help="where to save (default: %(default)s)")
    p.add_argument("--list", action="store_true", help="list the layers and stop")
    return p


def report_parser() -> argparse.ArgumentParser:
    """Return the parser of a report."""
    p = argparse.ArgumentParser(prog="python -m benchmarks report", description="Show a saved run.", allow_abbrev=False)
    p.add_argument("file", type=Path, help="the JSON file of a run")
    p.add_argument("--markdown", action="store_true", help="tables for a Markdown page")
    p.add_argument("--details", action="store_true", help=DETAILS)
    p.add_argument("--plot", type=Path, metavar="DIR", help="draw the picture into this folder, as PNG and SVG")
    return p


def _command(arguments: Sequence[str]) -> str:
    """Return the command line as it can be typed anywhere: without where its output went."""
    kept, skip = [], False
    for argument in arguments:
        if not skip and not argument.startswith("--output"):
            kept.append(argument)
        skip = argument == "--output"
    return shlex.join(["python", "-m", "benchmarks", *kept])


def _known(contestant: str) -> bool:
    """Return whether there is such a contestant, without importing it."""
    name = contestant.partition(":")[0]
    try:
        return name in KNOWN or find_spec(name) is not None
    except (ImportError, ValueError):
        return False


def _installed(parser: argparse.ArgumentParser) -> None:
    """Stop where something is not installed."""
    if missing := [module for module in NEEDED if find_spec(module) is None]:
        parser.error(f"not installed: {', '.join(missing)}; pip install 'samesum[bench]'")


def _positive(text: str) -> int:
    """Return the text as an int of at least 1, for argparse."""
    if (value := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, got {value}")
    return value


def _seconds(text: str) -> float:
    """Return the text as a time, for argparse."""
    if not 0 <= (value := float(text)) < 1e6:
        raise argparse.ArgumentTypeError(f"must be a number of seconds, got {text}")
    return value


if __name__ == "__main__":
    sys.exit(main())
