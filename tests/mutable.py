"""Copy the project to where mutmut can change every function: ``python tests/mutable.py FOLDER`` (see docs/mutation.md).

mutmut leaves functions with a decorator as they are. In the copy ``@np.errstate(all="ignore")`` stands at the module's end,
and so do ``@cache``, ``@lru_cache(...)`` and ``@contextmanager``.
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
DECORATED = re.compile(
    r"^( *)(@(?:np\.errstate\(.*?\)|lru_cache\(.*?\)|cache|contextmanager)).*\n(?= *def (\w+)\()", re.MULTILINE
)
CLASS = re.compile(r"^class (\w+)", re.MULTILINE)


def undecorated(source: str) -> str:
    """Return a module with the decorators of its functions and methods as calls at its end."""
    calls = []
    for found in DECORATED.finditer(source):
        indent, decorator, name = found.groups()
        if indent:  # a method
            name = f"{CLASS.findall(source[: found.start()])[-1]}.{name}"
        calls.append(f"{name} = {decorator[1:]}({name})\n")
    return DECORATED.sub("", source) + "".join(calls)


def copy(folder: Path) -> None:
    """Copy what Git knows of the project, and change ``naive`` and ``vectorized`` there."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    for name in filter(None, listed.stdout.split("\0")):
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, target)
        if name.startswith(("naive/", "vectorized/")) and name.endswith(".py"):
            target.write_text(undecorated(target.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    copy(Path(sys.argv[1]))
