"""The pictures: each is drawn anew and compared with the committed one, and every one of them has its place in the lesson."""

import base64
import doctest
import io
import re
import subprocess
import sys
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from matplotlib.image import imread

import vectorized
from docs.figures import FIGURES, FOLDER, drawing, photograph

LESSON = (FOLDER.parent / "lesson.md").read_text("utf-8")
PNG = re.compile(r"data:image/png;base64,([^\"]+)")
NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
each_figure = pytest.mark.parametrize("name", FIGURES)


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with every picture drawn anew, by the command of the pages."""
    folder = tmp_path_factory.mktemp("figures")
    command = [sys.executable, "-m", "docs.figures", "--output", folder]
    done = subprocess.run(command, cwd=FOLDER.parents[1], capture_output=True, text=True, check=False, timeout=300)
    assert (done.returncode, done.stderr) == (0, "")
    assert [Path(line).stem for line in done.stdout.splitlines()] == list(FIGURES)
    return folder


def read(folder: Path, name: str) -> str:
    return (folder / f"{name}.svg").read_text("utf-8")


def pixels(svg: str) -> list[np.ndarray]:
    """Return the images in a picture: their pixels, whatever made a PNG of them."""
    return [imread(io.BytesIO(base64.b64decode(data)), format="png") for data in PNG.findall(svg)]


def structure(svg: str) -> tuple[list[str], list[str], list[tuple[int, ...]]]:
    """Return every text that is written, every shape that is drawn, and the shapes of the images, in order."""
    return re.findall(r"<!-- (.*) -->", svg), re.findall(r'<g id="([a-z]+_\d+)"', svg), [image.shape for image in pixels(svg)]


def same_drawing(one: str, other: str) -> bool:
    """Return whether two pictures differ by less than an eye can see: a hundredth of a point, and in no pixel."""
    shapes = [NUMBER.sub("#", PNG.sub("", svg)) for svg in (one, other)]
    places = [np.array(NUMBER.findall(PNG.sub("", svg)), float) for svg in (one, other)]
    images = zip(pixels(one), pixels(other), strict=True)
    return (
        shapes[0] == shapes[1]
        and bool(np.all(np.abs(places[0] - places[1]) < 0.01))
        and all(np.array_equal(first, second) for first, second in images)
    )


@each_figure
def test_the_committed_picture_shows_what_the_code_draws(name: str, fresh: Path) -> None:
    assert structure(read(FOLDER, name)) == structure(read(fresh, name)), "run python -m docs.figures"


@each_figure
def test_the_committed_picture_is_the_one_that_the_code_draws(name: str, fresh: Path) -> None:
    recorded = re.findall(r"<dc:title>Matplotlib v([^,<]+)", read(FOLDER, name))
    if recorded != [matplotlib.__version__]:
        pytest.skip(f"drawn by Matplotlib {recorded}, not {matplotlib.__version__}: its structure alone can be compared")
    assert same_drawing(read(FOLDER, name), read(fresh, name)), "run python -m docs.figures"


def test_a_change_is_seen(fresh: Path) -> None:
    svg = read(fresh, "gradient")
    assert "<!-- 1234 -->" in svg
    assert structure(svg.replace("<!-- 1234 -->", "<!-- 1243 -->")) != structure(svg)
    assert not same_drawing(svg, svg.replace("fill: #ffffff", "fill: #fffffe"))
    assert not same_drawing(svg, re.sub(r"M (\d+)\.\d+ ", r"M \1.5 ", svg, count=1))
    photo = read(fresh, "photograph")
    images = PNG.findall(photo)
    assert len(images) == 1 + len(photograph.FILTERS)
    assert not same_drawing(photo, photo.replace(images[1], images[2]))


def test_no_picture_is_missing_and_none_is_left_over() -> None:
    assert {path.stem for path in FOLDER.glob("*.svg")} == set(FIGURES)
    assert {path.suffix for path in FOLDER.iterdir() if path.is_file()} == {".py", ".svg"}


def test_every_picture_has_its_place_in_the_lesson_and_is_put_into_words() -> None:
    shown = re.findall(r"!\[([^\]]*)\]\(figures/([\w-]+)\.svg\)", LESSON)
    assert sorted(name for _, name in shown) == sorted(FIGURES)
    for words, name in shown:
        assert len(words) > 100, f"{name} is not described for those who cannot see it"


@each_figure
def test_a_picture_is_small_and_has_no_date(name: str) -> None:
    assert (FOLDER / f"{name}.svg").stat().st_size < 200_000
    assert "<dc:date>" not in read(FOLDER, name)


@each_figure
def test_every_name_in_a_picture_is_given_once_and_found(name: str) -> None:  # ids are renamed when a picture is saved
    given = re.findall(r'\bid="([^"]+)"', read(FOLDER, name))
    assert len(given) == len(set(given))
    assert set(re.findall(r'(?:href="|url\()#([^")]+)', read(FOLDER, name))) <= set(given)


def test_no_photograph_where_the_two_versions_disagree(monkeypatch: pytest.MonkeyPatch) -> None:
    right = vectorized.conv2d

    def wrong(*arguments: object, **options: object) -> np.ndarray:
        y = right(*arguments, **options)
        y[..., -1, -1] += 1
        return y

    x, weight = np.arange(25).reshape(1, 5, 5), np.ones((1, 1, 3, 3), int)
    photograph.same(x, weight)
    monkeypatch.setattr(vectorized, "conv2d", wrong)
    with pytest.raises(ArithmeticError):
        photograph.same(x, weight)


def test_the_examples_of_the_drawing_code() -> None:
    assert doctest.testmod(drawing) == (0, 1)


def test_every_number_stands_out_from_its_cell() -> None:
    cells = [drawing.PAPER, drawing.FAINT]
    for colour in (drawing.ORANGE, drawing.SKY, drawing.GREEN, drawing.BLUE, drawing.RED, drawing.PURPLE):
        cells += [drawing.tint(colour, share) for share in (0.25, 0.3, 0.35, 0.4)]
    ink = drawing.luminance(drawing.INK)
    for cell in cells:
        assert (drawing.luminance(cell) + 0.05) / (ink + 0.05) > 4.5  # WCAG 2.2, level AA
