"""Try mutants of mutmut's in one session of pytest: tests are collected once, and each mutant has a fork of that process.

``pytest -p forked --mutants vectorized.columns --results FILE TESTS`` in ``mutants/`` (see docs/mutation.md). A mutant that is
killed in FILE is not tried again. A test that killed one is the first that the next one meets.
"""

import importlib
import json
import os
import resource
import signal
from pathlib import Path

import pytest

BYTES = 16 * 2**30  # a mutant that wants more is killed


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--mutants", help="a module, or a mutant")
    parser.addoption("--results", type=Path, help="a JSON file: of each mutant the test that killed it, or null")
    parser.addoption("--seconds", type=int, default=60, help="a mutant that takes longer is killed")


def pytest_configure(config: pytest.Config) -> None:
    config.option.tbstyle = "native"  # the others read the module's source for each failure: a megabyte of mutants


def mutants(name: str) -> list[str]:
    """Return the mutants of a module, or the one of that name."""
    if "__mutmut_" in name:
        return [name]
    module = importlib.import_module(name)
    tables = [value for key, value in vars(module).items() if key.startswith("mutants_") and isinstance(value, dict)]
    return [f"{name}.{mutant}" for table in tables for mutant in table if mutant != "_mutmut_orig"]


def killer(items: list[pytest.Item], session: pytest.Session) -> pytest.Item | None:
    """Return the first test that fails."""
    for item in items:
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)
        if session.testsfailed:
            return item
    return None


def tried(mutant: str, items: list[pytest.Item], session: pytest.Session) -> str | None:
    """Return which test kills a mutant, in a fork of this process."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        os.environ["MUTANT_UNDER_TEST"] = mutant
        resource.setrlimit(resource.RLIMIT_AS, (BYTES, BYTES))
        signal.alarm(session.config.getoption("seconds"))
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        found = killer(items, session)
        os.write(writer, found.nodeid.encode() if found else b"")
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        nodeid = pipe.read()
    _, status = os.waitpid(child, 0)
    return (nodeid or None) if status == 0 else f"ended by {status}"


def pytest_runtestloop(session: pytest.Session) -> bool:
    """Try every mutant instead of running the tests, which must pass without one."""
    results: Path = session.config.getoption("results")
    known = json.loads(results.read_text("utf-8")) if results.exists() else {}
    items = [item for item in session.items if "__mutmut_" not in item.name]  # a doctest of a mutant is that of the original
    failed = tried("", items, session)
    if failed is not None:
        raise pytest.UsageError(f"without a mutant: {failed}")
    for mutant in mutants(session.config.getoption("mutants")):
        if known.get(mutant):
            continue
        known[mutant] = tried(mutant, items, session)
        items.sort(key=lambda item: item.nodeid != known[mutant])  # stable: it comes first
        results.write_text(json.dumps(known, indent=0), "utf-8")
    return True
