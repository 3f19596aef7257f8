"""The pages: every Python block in them runs, every link leads somewhere, and the version is the same everywhere."""

import doctest
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
FENCE = re.compile(r"^```(?:python|pycon)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"(?<!!)!?\[[^\]]*\]\(([^)\s]+)\)")
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())


def run_blocks(text: str, name: str) -> int:
    """Run a page's Python blocks, one after the other in one namespace, and return how many there were.

    A block with prompts is a doctest; one without is a program that must not fail. (``py``: a quotation, not run.)
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
            exec(compile("\n" * line + source, name, "exec"), scope)
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
def test_every_link_leads_somewhere(page: Path) -> None:
    assert dead_links(page, page.read_text("utf-8")) == []


def test_a_block_that_fails_is_seen() -> None:
    assert run_blocks("```python\nx = 1\n```\n\n```python\n>>> x + 1\n2\n```\n", "page") == 2
    with pytest.raises(doctest.DocTestFailure):
        run_blocks("```python\n>>> 1 + 1\n3\n```\n", "page")
    with pytest.raises(ZeroDivisionError):
        run_blocks("```python\n1 / 0\n```\n", "page")


def test_a_dead_link_is_seen() -> None:
    text = "[a](CHANGELOG.md#part) ![b](docs/nowhere.png) [c](https://example.org) [d](#here) [e](no/where.md)"
    assert dead_links(ROOT / "page.md", text) == ["docs/nowhere.png", "no/where.md"]


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
