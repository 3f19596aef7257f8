"""The explorer in a real browser, as a student meets it: one command, a page, sliders that answer. Nothing leaves the machine.

SAMESUM_SCREENSHOT=docs/explorer.png python -m pytest tests/test_explorer_browser.py     makes the picture in docs/ anew
"""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("marimo", reason="the explorer needs marimo: pip install -e '.[explore]'")
playwright = pytest.importorskip("playwright.sync_api", reason="a browser is driven by playwright: pip install -e '.[dev]'")

NOTEBOOK = Path(__file__).parents[1] / "notebooks" / "explorer.py"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
BROWSER = next(filter(None, map(shutil.which, BROWSERS)), None)
FLAGS = ["--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
FLAGS += ["--disable-component-update", "--disable-sync"]
PATIENCE = 60  # seconds, for a busy machine

pytestmark = pytest.mark.skipif(BROWSER is None, reason=f"no browser on PATH: none of {', '.join(BROWSERS)}")


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the file that the server writes to."""
    return tmp_path_factory.mktemp("server") / "log"


@pytest.fixture(scope="module")
def address(log: Path) -> Iterator[str]:
    """Start the README's command on a free port, in a home of its own; stop it in the end."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    home = {name: str(log.parent) for name in ("HOME", "USERPROFILE", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME")}
    command = [sys.executable, "-m", "marimo", "run", NOTEBOOK, "--headless", "--port", str(port)]
    with log.open("wb") as output:
        server = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=log.parent, env=os.environ | home
        )
    try:
        wait_for(f"http://127.0.0.1:{port}/health", server, log)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        try:
            server.wait(10)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def wait_for(url: str, server: "subprocess.Popen[bytes]", log: Path) -> None:
    """Return when the server answers."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and server.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=1):
                return
        except OSError:
            time.sleep(0.1)
    pytest.fail(f"the server did not start:\n{log.read_text()}")


@pytest.fixture(scope="module")
def asked() -> list[str]:
    """Return the list of all addresses that the browser asked for."""
    return []


@pytest.fixture(scope="module")
def browser(asked: list[str]) -> Iterator[Any]:
    """Start a headless browser with a fresh profile, its window large enough for a picture of the page."""
    with playwright.sync_playwright() as driver:
        chrome = driver.chromium.launch(executable_path=BROWSER, args=FLAGS)
        context = chrome.new_context(viewport={"width": 1440, "height": 1420}, color_scheme="light")
        context.set_default_timeout(1000 * PATIENCE)
        context.on("request", lambda request: asked.append(request.url))
        yield context
        chrome.close()


@pytest.fixture
def page(browser: Any, address: str) -> Iterator[Any]:
    """Open the explorer anew, and wait until its last cell has run."""
    page = browser.new_page()
    page.goto(address)
    page.get_by_role("heading", name="5. PyTorch").wait_for()
    yield page
    page.close()


def slide(page: Any, name: str, key: str = "ArrowRight") -> None:
    """Move a slider by one step, with the keyboard."""
    page.locator("marimo-slider").filter(has_text=name).get_by_role("slider").first.press(key)


def picture(page: Any) -> Any:
    """Return the picture of the window that slides."""
    return page.get_by_label("A window on the image, and its output cell")


def places(page: Any, role: str) -> list[str]:
    """Return the cells that the picture marks, as row,column."""
    found: list[str] = picture(page).locator(f"[data-role={role}]").evaluate_all("marks => marks.map(m => m.dataset.cell)")
    return found


def test_moving_a_slider_changes_the_picture(page: Any) -> None:
    before = picture(page).screenshot()
    assert places(page, "window")[0] == "2,2"
    slide(page, "j, column")
    picture(page).locator("[data-role=window][data-cell='2,6']").first.wait_for()  # 2 to 4 before, 4 to 6 now
    assert places(page, "window") == [f"{2 + r},{4 + s}" for r in range(3) for s in range(3)] * 2
    assert places(page, "output") == ["1,2"]
    moved = picture(page).screenshot()
    slide(page, "P, padding")
    page.get_by_text("width: 2 + 7 + 2 cells").wait_for()
    page.get_by_text("+ 2·2)/2 + 1 = 8/2 + 1 = 5").wait_for()
    playwright.expect(picture(page).locator("[data-role=peek]")).to_have_count(4 * 5)  # 3 * 4 before
    assert len({before, moved, picture(page).screenshot()}) == 3


def test_an_impossible_setting_shows_the_message_and_no_traceback(page: Any, log: Path) -> None:
    slide(page, "S, stride")
    page.get_by_text("(5 - 3 + 1 + 1) / 3 + 1 = 4/3 + 1 is not an integer").wait_for()
    page.get_by_text("sticks out: refused").wait_for()
    playwright.expect(picture(page)).to_have_count(0)
    playwright.expect(page.get_by_role("heading", name="5. PyTorch")).to_have_count(0)
    playwright.expect(page.get_by_text("Impossible:")).to_have_count(1)
    playwright.expect(page.get_by_text(re.compile("Traceback|ValueError|error occurred"))).to_have_count(0)
    assert "Traceback" not in log.read_text()
    slide(page, "S, stride", "ArrowLeft")
    picture(page).wait_for()
    playwright.expect(page.get_by_text("Impossible:")).to_have_count(0)


def test_pointing_at_an_output_cell_frames_its_window(page: Any) -> None:
    cell = picture(page).locator("[data-role=peek]").nth(11)
    frame = cell.locator("g > rect").first
    playwright.expect(frame).to_be_hidden()
    cell.locator("rect").first.hover()
    playwright.expect(frame).to_be_visible()
    corner, first = frame.bounding_box(), picture(page).locator("[data-role=window]").first.bounding_box()
    side = first["width"] / 3  # not compared closely: a stroke belongs to the box
    assert abs(corner["x"] - first["x"] - 4 * first["width"]) < side
    assert abs(corner["y"] - first["y"] - 2 * first["height"]) < side


def test_pooling_and_the_other_program_are_a_click_away(page: Any) -> None:
    page.get_by_text("= 25 + 13 + bias 3 = 41").wait_for()
    page.get_by_role("tab", name="Max pooling").click()
    page.get_by_text("y[0, 1, 1] = max(4, 2, 8, 7, 8, 5, 4, 9, 1) = 9").wait_for()
    page.get_by_text("naive.formulas.max_pool").wait_for()
    page.get_by_text("vectorized", exact=True).last.click()
    page.get_by_text("vectorized.formulas.max_pool").wait_for()
    page.get_by_role("tab", name="Average pooling").click()
    page.get_by_text("(4 + 2 + 8 + 7 + 8 + 5 + 4 + 9 + 1)/9 ≈ 5.333").wait_for()


def test_nothing_is_fetched_from_elsewhere(page: Any, address: str, asked: list[str]) -> None:
    page.wait_for_load_state("networkidle")
    assert f"{address}/" in asked
    assert [url for url in asked if not url.startswith((address, "data:", "blob:"))] == []


def test_the_page_makes_a_picture_for_the_docs(page: Any, tmp_path: Path) -> None:
    path = Path(os.environ.get("SAMESUM_SCREENSHOT", tmp_path / "explorer.png"))
    page.get_by_role("heading", name="2. One window").evaluate(
        "heading => { heading.style.scrollMarginTop = '30px'; heading.scrollIntoView() }"
    )
    page.screenshot(path=path, animations="disabled")
    assert path.read_bytes().startswith(b"\x89PNG")
    assert path.stat().st_size > 50_000  # an empty page has less than 20 000
    committed = (NOTEBOOK.parents[1] / "docs" / "explorer.png").read_bytes()
    assert committed[16:24] == path.read_bytes()[16:24]  # as wide and as high: this test made it
