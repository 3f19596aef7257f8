"""Paper, colours and a handful of shapes: what all pictures share. One unit is one cell, and rows count downwards.

Every picture has a white panel of its own, so that it reads the same on a light and on a dark page. The colours are
Okabe and Ito's, told apart by every kind of colour vision; and no colour carries a meaning alone.

Source: Okabe, Ito, "Color Universal Design", 2008.
"""
# ruff: noqa: RUF001 - a picture shows × and −, not x and -

import io
import re
from pathlib import Path
from typing import Any

import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Rectangle

ORANGE, SKY, GREEN, BLUE, RED, PURPLE = "#E69F00", "#56B4E9", "#009E73", "#0072B2", "#D55E00", "#CC79A7"
INK, GREY, FAINT, PAPER = "#24292f", "#6e7781", "#eaeef2", "#ffffff"
STYLE = [
    "default",  # not the reader's own settings
    {
        "font.family": "DejaVu Sans",  # ships with matplotlib
        "hatch.color": GREY,
        "hatch.linewidth": 0.6,
        "svg.fonttype": "path",  # the same on a machine without the font
        "svg.hashsalt": "samesum",  # the same names in every run
        "text.color": INK,
    },
]


def picture(width: float, height: float, cell: float = 0.34) -> Axes:
    """Return an empty picture of ``width`` by ``height`` cells, each ``cell`` inches wide, on a white panel."""
    figure = Figure(figsize=(width * cell, height * cell))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, width), ylim=(height, 0))
    axes.axis("off")
    corner, shape = (0.3, 0.3), "round,pad=0.25,rounding_size=0.4"
    axes.add_patch(FancyBboxPatch(corner, width - 0.6, height - 0.6, shape, fc=PAPER, ec="none", zorder=0))
    return axes


def grid(axes: Axes, left: float, top: float, values: Any, fill: Any = PAPER, size: float = 10, side: float = 1) -> None:
    """Draw a matrix of numbers; ``fill`` is one colour, or a matrix of colours; ``None`` draws an empty cell."""
    values = np.asarray(values)
    fills = np.broadcast_to(np.asarray(fill), values.shape)
    for (row, column), value in np.ndenumerate(values):
        colour = str(fills[row, column])
        x, y = left + side * column, top + side * row
        axes.add_patch(Rectangle((x, y), side, side, fc=colour, ec=GREY, lw=0.8 * side))
        if value is not None:
            text = INK if luminance(colour) > 0.225 else PAPER  # whichever stands out more: both by 3.8 at 0.225
            label(axes, x + side / 2, y + side / 2, number(value), size=size, color=text)


def frame(axes: Axes, left: float, top: float, rows: int, columns: int, colour: str, **style: Any) -> None:
    """Draw a thick outline around some cells."""
    style = {"lw": 2.6, "joinstyle": "round", "zorder": 3, **style}
    axes.add_patch(Rectangle((left, top), columns, rows, fc="none", ec=colour, **style))


def label(axes: Axes, x: float, y: float, text: str, **style: Any) -> None:
    """Write some text, centred on a point unless told otherwise."""
    style = {"ha": "center", "va": "center_baseline", "size": 10, "zorder": 4, **style}
    axes.text(x, y, text, **style)


def arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float], colour: str = INK, bend: float = 0) -> None:
    """Draw an arrow, straight unless it is told to bend."""
    axes.add_patch(
        FancyArrowPatch(
            start, end, arrowstyle="-|>", mutation_scale=11, lw=1.6, color=colour, connectionstyle=f"arc3,rad={bend}", zorder=5
        )
    )


def number(value: Any) -> str:
    """Return a number as it is printed, with a minus sign that is as wide as a plus."""
    text = value if isinstance(value, str) else f"{value:g}"
    return text.replace("-", "−")


def products(weights: Any, values: Any) -> str:
    """Return a sum of products in full, without those whose weight is zero.

    >>> products([1, 0, -2], [7, 8, 9])
    '1·7 − 2·9'
    """
    terms = [(w, f"{number(abs(w))}·{number(v)}") for w, v in zip(weights, values, strict=True) if w]
    text = "".join(f" {'−' if w < 0 else '+'} {term}" for w, term in terms).strip()
    return text[2:] if text.startswith("+") else text.replace(" ", "", 1)


def tint(colour: str, share: float = 0.3) -> str:
    """Return a colour thinned with white until ``share`` of it is left."""
    red, green, blue = (round(255 * (1 - share + share * part)) for part in to_rgb(colour))
    return f"#{red:02x}{green:02x}{blue:02x}"


def luminance(colour: str) -> float:
    """Return how light a colour is, from 0 to 1 (WCAG's relative luminance)."""
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in to_rgb(colour)]
    return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))


def save(axes: Axes, path: Path) -> None:
    """Write a picture, as SVG or whatever the file's name says; an SVG has no date, and names that count from zero."""
    figure, kind = axes.figure, path.suffix[1:]
    if kind != "svg":
        figure.savefig(path, dpi=160, transparent=True)
        return
    buffer = io.StringIO()
    figure.savefig(buffer, format=kind, transparent=True, metadata={"Date": None})
    text = buffer.getvalue()
    hashed = dict.fromkeys(re.findall(r'id="([a-z]+[0-9a-f]{10})"', text))
    for count, name in enumerate(hashed):  # a hash changes with the last digit of a coordinate
        text = text.replace(f'"{name}"', f'"_{count}"').replace(f"#{name}", f"#_{count}")
    path.write_text(text, encoding="utf-8", newline="\n")


def settings() -> Any:
    """Return the context in which pictures are drawn: the same for everybody."""
    return matplotlib.style.context(STYLE)
