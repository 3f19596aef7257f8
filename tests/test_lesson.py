"""The lesson: what it runs is true, what it quotes is the source, and its formulas can be set."""

import ast
import doctest
import re
from itertools import pairwise
from pathlib import Path

import pytest
from matplotlib.mathtext import MathTextParser

ROOT = Path(__file__).parent.parent
LESSON = (ROOT / "docs" / "lesson.md").read_text("utf-8")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
EXCERPT = re.compile(r"^<!-- ([\w ]+): (\S+) (\w+) -->\n```py\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FUNCTIONS = ("conv2d", "conv_transpose2d", "max_pool2d", "avg_pool2d")


def examples(text: str, language: str) -> doctest.DocTest:
    """Return the prompts in a page's blocks of one language as one doctest, each at its own line."""
    kept = [""] * (text.count("\n") + 1)
    for block in FENCE.finditer(text):
        if block[1] == language:
            first = text[: block.start(2)].count("\n")
            lines = block[2].splitlines()
            kept[first : first + len(lines)] = lines  # the blank line in place of a fence ends the last output
    return doctest.DocTestParser().get_doctest("\n".join(kept), {}, "lesson", "docs/lesson.md", 0)


def failures(test: doctest.DocTest) -> str:
    """Run a doctest and return what it reports: nothing, where all is well."""
    report: list[str] = []
    doctest.DocTestRunner(verbose=False).run(test, out=report.append)
    return "".join(report)


def test_every_prompt_gives_what_the_page_says() -> None:
    test = examples(LESSON, "python")
    assert failures(test) == ""
    starts = [LESSON[: heading.start()].count("\n") for heading in re.finditer(r"^## \d+ ", LESSON, re.MULTILINE)]
    lines = [example.lineno for example in test.examples]
    for first, last in pairwise(starts):  # the last section is PyTorch's
        assert any(first < line < last for line in lines), f"the section at line {first + 1} runs nothing"


def test_pytorch_does_what_the_page_says() -> None:
    pytest.importorskip("torch", reason="the section on PyTorch is compared where PyTorch is installed")
    test = examples(LESSON, "pycon")
    assert len(test.examples) > 20
    assert failures(test) == ""


def test_a_wrong_answer_is_seen() -> None:
    page = "# Page\n\n```python\n>>> 1 + 1\n2\n```\n\ntext\n\n```python\n>>> 2 + 2\n5\n```\n"
    assert "line 11, in lesson" in failures(examples(page, "python"))
    assert failures(examples(page.replace("5", "4"), "python")) == ""


def statements(source: str, function: str) -> list[list[str]]:
    """Return every suite of statements in the functions of that name, each statement as its tree put into words."""
    found = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef) and node.name == function]
    suites = [getattr(node, part, None) for top in found for node in ast.walk(top) for part in ("body", "orelse")]
    return [[ast.dump(statement) for statement in suite] for suite in suites if isinstance(suite, list)]


def is_in(excerpt: str, suite: list[str]) -> bool:
    """Return whether an excerpt's statements stand in a suite, one after the other, with a gap only where it says ``...``."""
    pieces: list[list[str]] = [[]]
    for statement in ast.parse(excerpt).body:
        if ast.dump(statement) == ast.dump(ast.parse("...").body[0]):
            pieces.append([])
        else:
            pieces[-1].append(ast.dump(statement))
    place = 0
    for piece in pieces:
        starts = range(place, len(suite) - len(piece) + 1)
        place = next((i + len(piece) for i in starts if suite[i : i + len(piece)] == piece), -1)
        if place < 0:
            return False
    return True


@pytest.mark.parametrize("match", list(EXCERPT.finditer(LESSON)), ids=lambda match: f"{match[2]}-{match[3]}")
def test_an_excerpt_is_the_source(match: re.Match[str]) -> None:
    _, path, function, excerpt = match.groups()
    suites = statements((ROOT / path).read_text("utf-8"), function)
    assert suites, f"{path} has no function {function}"
    assert any(is_in(excerpt, suite) for suite in suites), f"docs/lesson.md quotes what no longer stands in {path} {function}"
    assert max(map(len, excerpt.splitlines())) <= 60, "two excerpts stand side by side"


def test_an_altered_excerpt_is_seen() -> None:
    source = "def f(a):\n    x = a + 1\n    for i in a:\n        y = x\n        z = y * (\n            2)\n    return x\n"
    suite, loop = (suite for suite in statements(source, "f") if suite)
    assert is_in("x = (a +  # why\n  1)", suite)
    assert is_in("x = a + 1\n...\nreturn x", suite)
    assert is_in("y = x\nz = y * 2", loop)
    for altered in ("x = a + 2", "x = a + 1\nreturn x", "return x\n...\nx = a + 1", "z = y * 2"):
        assert not is_in(altered, suite)
    assert statements(source, "g") == []


def test_every_function_stands_in_both_versions() -> None:
    shown = {(match[1], match[2].split("/")[0]) for match in EXCERPT.finditer(LESSON)}
    wanted = {name + suffix for name in FUNCTIONS for suffix in ("", "_backward")}
    assert shown >= {(name, version) for name in wanted for version in ("naive", "vectorized")}


def test_every_block_is_run_or_compared() -> None:
    languages = [block[1] for block in FENCE.finditer(LESSON)]
    assert set(languages) <= {"python", "pycon", "py", "text"}
    assert languages.count("py") == len(EXCERPT.findall(LESSON)), "a py block is an excerpt, and says of what"
    assert LESSON.count("```") == 2 * len(languages), "a fence that is never closed, or indented"
    for block in FENCE.finditer(LESSON):
        assert (">>>" in block[2]) == (block[1] in ("python", "pycon"))


def formulas(text: str) -> list[str]:
    """Return what stands between dollars, outside of code."""
    prose = re.sub(r"`[^`\n]+`", "", FENCE.sub("", text))
    return [two or one for two, one in re.findall(r"\$\$(.+?)\$\$|\$(.+?)\$", prose)]


def test_every_formula_can_be_set() -> None:
    found = formulas(LESSON)
    assert len(found) > 50
    for formula in found:
        MathTextParser("path").parse(f"${formula}$")


def test_no_formula_is_read_as_markdown() -> None:
    # GitHub gives a page to its Markdown parser first: there, these would be escapes, emphasis, tags or cells
    for formula in formulas(LESSON):
        assert re.search(r"\\[^a-zA-Z]|[^\w\s\\]_|[*<`|]", re.sub(r"\\(sum|max)_", "", formula)) is None, formula


def loose(text: str) -> list[str]:
    """Return the inline formulas that GitHub leaves as they are: a dollar stands against a word, or a space inside."""
    prose = re.sub(r"\$\$.+?\$\$", "", re.sub(r"`[^`\n]+`", "`", FENCE.sub("", text)), flags=re.DOTALL)
    pieces = f" {prose} ".split("$")
    assert len(pieces) % 2, "a dollar too many"
    found = []
    for before, formula, after in zip(pieces[::2], pieces[1::2], pieces[2::2], strict=False):
        if before[-1:] not in " \n(|" or after[:1] not in " \n.,:;!?)-|" or formula != formula.strip():
            found.append(formula)
    return found


def test_every_formula_is_one_for_github() -> None:
    assert loose(LESSON) == []
    assert loose("$a$ and ($b$), $c$. $d$x, e$f$, $ g$ `$`") == ["d", "f", " g"]
