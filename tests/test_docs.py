"""The pages: every Python block in them runs, every link leads somewhere, and the version is the same everywhere."""

import contextlib
import doctest
import io
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("exercises/*.md")])
FENCE = re.compile(r"^```(?:python|pycon)\n(.*?)^```$(?:\n+^```\n(.*?)^```$)?", re.MULTILINE | re.DOTALL)
KINDS = {  # of blocks, and who runs them
    "python": "test_every_python_block_runs",
    "pycon": "the same",
    "": "the same: what the program before it prints",
    "sh": "tests/test_commands.py",
    "py": "tests/test_lesson.py: an excerpt, compared with its source",
    "text": "nobody: words, or output that another test compares",
}
LINK = re.compile(r"(?<!!)!?\[[^\]]*\]\(([^)\s]+)\)")
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())


def run_blocks(text: str, name: str) -> int:
    """Run a page's Python blocks, one after the other in one namespace, and return how many there were.

    A block with prompts is a doctest; one without is a program that must not fail, and must print what a bare block right
    behind it says.
    """
    scope: dict[str, object] = {"__name__": name}
    blocks = list(FENCE.finditer(text))
    for block in blocks:
        source, line = block[1], text[: block.start()].count("\n") + 1
        if ">>>" in source:
            test = doctest.DocTestParser().get_doctest(source, scope, f"{name}, line {line}", name, line)
            doctest.DebugRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE).run(test, clear_globs=False)
            scope |= test.globs
        else:
            with contextlib.redirect_stdout(io.StringIO()) as printed:
                exec(compile("\n" * line + source, name, "exec"), scope)
            assert block[2] is None or printed.getvalue() == block[2], f"{name}, line {line}, prints {printed.getvalue()}"
    return len(blocks)


def dead_links(page: Path, text: str) -> list[str]:
    """Return the relative links of a page that lead nowhere."""
    targets = (link.partition("#")[0] for link in LINK.findall(text) if "://" not in link and not link.startswith("mailto:"))
    return [target for target in targets if target and not (page.parent / target).exists()]


@each_page
def test_every_python_block_runs(page: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)  # a block may write a file
    run_blocks(page.read_text("utf-8"), page.name)


@each_page
def test_every_block_is_of_a_kind_that_somebody_runs(page: Path) -> None:
    text = page.read_text("utf-8")
    kinds = re.findall(r"^ *```(.*)$", text, re.MULTILINE)
    assert set(kinds[::2]) <= set(KINDS)
    assert set(kinds[1::2]) <= {""}, "a fence that is never closed"
    assert kinds[::2].count("") == sum(block[2] is not None for block in FENCE.finditer(text)), (
        "a bare block that no program prints"
    )


@each_page
def test_every_link_leads_somewhere(page: Path) -> None:
    assert dead_links(page, page.read_text("utf-8")) == []


def test_a_block_that_fails_is_seen() -> None:
    assert run_blocks("```python\nx = 1\n```\n\n```python\n>>> x + 1\n2\n```\n", "page") == 2
    with pytest.raises(doctest.DocTestFailure):
        run_blocks("```python\n>>> 1 + 1\n3\n```\n", "page")
    with pytest.raises(ZeroDivisionError):
        run_blocks("```python\n1 / 0\n```\n", "page")
    assert run_blocks("```python\nprint(1)\n```\n\n```\n1\n```\n", "page") == 1
    with pytest.raises(AssertionError, match="prints 1"):
        run_blocks("```python\nprint(1)\n```\n\n```\n2\n```\n", "page")


def test_a_dead_link_is_seen() -> None:
    text = "[a](CHANGELOG.md#part) ![b](docs/nowhere.png) [c](https://example.org) [d](#here) [e](no/where.md)"
    assert dead_links(ROOT / "page.md", text) == ["docs/nowhere.png", "no/where.md"]


def test_every_picture_is_shown_in_a_page() -> None:
    shown = {(page.parent / link).resolve() for page in PAGES for link in LINK.findall(page.read_text("utf-8"))}
    pictures = {*ROOT.glob("docs/**/*.svg"), *ROOT.glob("docs/**/*.png")}
    assert pictures
    assert pictures - shown == set()


def test_one_version_everywhere() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    citation = (ROOT / "CITATION.cff").read_text("utf-8")
    newest = re.search(r"^## (\S+) - (\S+)$", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
    assert newest is not None
    assert newest[1] == version
    assert f"\nversion: {version}\n" in citation
    assert f"\ndate-released: {newest[2]}\n" in citation


def test_ci_runs_the_commands_that_the_pages_give() -> None:
    script = (ROOT / ".ci" / "run").read_text("utf-8")
    for command in ('python -m pip install -e ".[dev]"', "python -m pytest"):
        assert command in (ROOT / "CONTRIBUTING.md").read_text("utf-8")
        assert command in (ROOT / "README.md").read_text("utf-8")
        assert re.search(rf"^{re.escape(command)}$", script.replace("--quiet ", ""), re.MULTILINE)
