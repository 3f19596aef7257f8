"""The copy that mutmut works on: every function is without a decorator, and is what it was."""

import tomllib
from pathlib import Path

import pytest

from mutable import undecorated

ROOT = Path(__file__).parent.parent
SOURCES = sorted([*ROOT.glob("naive/*.py"), *ROOT.glob("vectorized/*.py")])


def test_a_decorator_becomes_a_call() -> None:
    source = '@np.errstate(all="ignore")  # why\ndef f(\n    x,\n): ...\ndef g(): ...\n'
    assert undecorated(source) == 'def f(\n    x,\n): ...\ndef g(): ...\nf = np.errstate(all="ignore")(f)\n'


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_decorator_of_numpys_is_left(path: Path) -> None:
    source = path.read_text("utf-8")
    changed = undecorated(source)
    assert not any(line.startswith("@np") for line in changed.splitlines())  # methods may keep theirs
    assert changed.count("np.errstate(") == source.count("np.errstate(")


def test_what_the_configuration_names_exists() -> None:
    config = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["mutmut"]
    for name in (*config["source_paths"], *config["also_copy"], *config["pytest_add_cli_args_test_selection"]):
        assert (ROOT / name).exists(), name
