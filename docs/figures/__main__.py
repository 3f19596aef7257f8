"""``python -m docs.figures [--output FOLDER] [--format svg|png]``: draw every picture of the lesson."""

import argparse
from pathlib import Path

from docs.figures import FOLDER, draw

parser = argparse.ArgumentParser(prog="python -m docs.figures", description="Draw every picture of the lesson.")
parser.add_argument("--output", type=Path, default=FOLDER, help="the folder to write to (default: docs/figures)")
parser.add_argument("--format", choices=("svg", "png"), default="svg")
arguments = parser.parse_args()
for path in draw(arguments.output, arguments.format):
    print(path)
