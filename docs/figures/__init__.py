"""The pictures of the lesson, drawn by code: every number in them is worked out by naive and vectorized.

``python -m docs.figures`` draws them all anew. ``FIGURES`` names them; each entry is a function that returns one picture.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

from matplotlib.axes import Axes

from docs.figures.columns import duplication, stretched_columns
from docs.figures.drawing import save, settings
from docs.figures.gradients import gradient, pooling
from docs.figures.photograph import filtered_photograph
from docs.figures.windows import padding_and_stride, sliding_window, smoothing

FOLDER = Path(__file__).parent
FIGURES: dict[str, Callable[[], Axes]] = {
    "smoothing": smoothing,
    "sliding-window": sliding_window,
    "padding-and-stride": padding_and_stride,
    "columns": stretched_columns,
    "duplication": duplication,
    "pooling": pooling,
    "gradient": gradient,
    "photograph": filtered_photograph,
}


def draw(folder: Path, kind: str = "svg") -> Iterator[Path]:
    """Draw every picture into ``folder``, and yield the file of each."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, function in FIGURES.items():
        path = folder / f"{name}.{kind}"
        with settings():
            save(function(), path)
        yield path
