"""Where implementations come from: a dotted module or a file, each with an optional ``:attribute``; or an object at hand.

Nothing else in the suite imports an implementation. What cannot be loaded is refused with one sentence; an error inside the
implementation's own code is shown as Python shows it, without our frames.
"""

import importlib
import importlib.util
import inspect
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from types import FunctionType, ModuleType, SimpleNamespace
from typing import Any

from verification.hints import near_functions
from verification.implementation import OPERATIONS, Implementation


class LoadError(Exception):
    """An implementation cannot be had; the message says why."""


@dataclass(frozen=True)
class Source:
    """An implementation, where it came from, and the Python that a reader pastes to have it too."""

    implementation: Implementation
    target: Any  # the module or object itself
    file: str = ""
    setup: str = ""  # the import
    expression: str = ""  # "my_conv.Fast()"; empty if there is no way to write it

    def bind(self, operation: str) -> str:
        """Return the lines that give a function its name."""
        if not self.expression:
            return f"# {operation} is that of {self.implementation.name}"
        if self.setup.endswith(f"import {self.expression}"):  # a module: the plain form
            return f"{self.setup.removesuffix(f'import {self.expression}')}from {self.expression} import {operation}"
        return f"{self.setup}\n{operation} = {self.expression}.{operation}"


def load(spec: str, folder: Path | None = None, *, strict: bool = False) -> list[Source]:
    """Load what ``spec`` names, as seen from ``folder``: one implementation, or those of a mapping, by their keys.

    ``package.module`` · ``package.module:attribute`` · ``path/to/file.py`` · ``path/to/file.py:outer.inner``

    Raises LoadError.
    """
    folder = (folder or Path.cwd()).resolve()
    name, _, attribute = spec.rpartition(":")
    if not name or not all(part.isidentifier() for part in attribute.split(".")):  # no attribute; or "C:\my_conv.py"
        name, attribute = spec, ""
    is_file = name.endswith(".py") or "/" in name or "\\" in name or (folder / name).is_file()
    module, setup, expression = _file(name, folder) if is_file else _dotted(name, folder)
    target: Any = module
    for part in filter(None, attribute.split(".")):
        if not hasattr(target, part):
            close = get_close_matches(part, dir(target), 1)
            raise LoadError(f"{name} has no attribute {part!r}" + (f": did you mean {close[0]!r}?" if close else ""))
        target, expression, name = getattr(target, part), f"{expression}.{part}", f"{name}{'.' if ':' in name else ':'}{part}"
    return _sources(target, spec, setup, expression, strict)


def wrap(target: Any, *, strict: bool = False) -> list[Source]:
    """Take an object at hand: a module, a class, an object or a mapping with some of the functions, one function, or a spec.

    Raises LoadError.
    """
    if isinstance(target, str):
        return load(target, strict=strict)
    name = getattr(target, "__name__", None) or type(target).__name__
    if name in OPERATIONS and callable(target):
        return _sources(SimpleNamespace(**{name: target}), name, "", "", strict)
    if isinstance(target, ModuleType) and target.__spec__ is not None:  # not __main__, which nobody can import
        return _sources(target, name, f"import {name}", name, strict)
    return _sources(target, name, "", "", strict)


# -------------------------------------------------------------------------------------------------------------- modules


def _dotted(name: str, folder: Path) -> tuple[ModuleType, str, str]:
    """Import ``name`` as ``python -m`` in ``folder`` would."""
    if not all(part.isidentifier() for part in name.split(".")):
        raise LoadError(f"{name!r} is the name of neither a module nor a Python file")
    try:
        with _importable(folder):
            module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and f"{name}.".startswith(f"{error.name}."):
            hint = f"; for the file, write {name}.py" if (folder / f"{name}.py").is_file() else ""
            raise LoadError(f"no such module: {name!r} (no module named {error.name!r}){hint}") from None
        raise LoadError(_import_error(name, error)) from None
    except (Exception, SystemExit) as error:
        raise LoadError(_import_error(name, error)) from None
    return module, f"import {name}", name


def _file(name: str, folder: Path) -> tuple[ModuleType, str, str]:
    """Import the file ``name``: as part of its package if it has one, else by its path."""
    path = (folder / name).resolve()
    path = path / "__init__.py" if path.is_dir() else path
    if not path.is_file():
        raise LoadError(f"no such file: {name!r} (looked for {path})")
    root, parts = path.parent, [path.stem]
    while (root / "__init__.py").is_file() and root.name.isidentifier():
        root, parts = root.parent, [root.name, *parts]
    dotted = ".".join(parts).removesuffix(".__init__")
    try:
        with _importable(root):
            module = importlib.import_module(dotted) if len(parts) > 1 else _by_path(path)
    except LoadError:
        raise
    except (Exception, SystemExit) as error:
        raise LoadError(_import_error(name, error)) from None
    if Path(str(module.__file__)).resolve() != path:
        raise LoadError(f"{name!r} cannot be loaded: another module named {dotted!r} is loaded already, {module.__file__}")
    away = "" if root == folder else f"import sys\nsys.path.insert(0, {str(root)!r})\n"
    if all(part.isidentifier() for part in parts):
        return module, f"{away}import {dotted}", dotted
    return module, f"{away}import importlib\nmodule = importlib.import_module({dotted!r})", "module"


def _by_path(path: Path) -> ModuleType:
    """Run a single file as a module, under a name that hides no other module (a file may well be called random.py)."""
    spec = importlib.util.spec_from_file_location(f"{path.stem}@{path}", path)
    if spec is None or spec.loader is None:
        raise LoadError(f"{path} is not a Python file")
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)  # dataclasses and pickle look there
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[spec.name]
        raise
    return module


@contextmanager
def _importable(folder: Path) -> Iterator[None]:
    """Let ``folder`` be imported from, first while loading and last from then on (for imports inside functions)."""
    before = sys.dont_write_bytecode
    sys.dont_write_bytecode = True  # leave nothing behind in a stranger's folder
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        if str(folder) not in sys.path:
            sys.path.append(str(folder))
        sys.dont_write_bytecode = before


def _import_error(name: str, error: BaseException) -> str:
    """Return the traceback of an import that failed, from the first frame that is not ours or Python's own machinery."""
    tb = error.__traceback__
    while tb is not None and (tb.tb_frame.f_code.co_filename == __file__ or "importlib" in tb.tb_frame.f_code.co_filename):
        tb = tb.tb_next
    lines = traceback.format_exception(type(error), error.with_traceback(tb), tb)
    return f"importing {name!r} failed:\n{''.join(lines).rstrip()}"


# ------------------------------------------------------------------------------------------------------ implementations


def _sources(target: Any, name: str, setup: str, expression: str, strict: bool) -> list[Source]:
    """Return the implementations that ``target`` is or holds."""
    if isinstance(target, Mapping):
        if not set(OPERATIONS) & set(target):
            found = [_sources(v, str(k), setup, expression and f"{expression}[{k!r}]", strict) for k, v in target.items()]
            if not found:
                raise LoadError(f"{name} is an empty mapping: it holds no implementation")
            return [source for sources in found for source in sources]
        target, expression = SimpleNamespace(**target), expression and f"SimpleNamespace(**{expression})"
        setup = setup and f"from types import SimpleNamespace\n{setup}"
    if isinstance(target, type) and any(
        isinstance(inspect.getattr_static(target, operation, None), FunctionType) for operation in OPERATIONS
    ):
        target, expression = _instance(target, name), expression and f"{expression}()"
    implementation = Implementation.of(target, name, strict=strict)
    if not implementation.functions:
        raise LoadError(_nothing_known(target, name))
    return [Source(implementation, target, _filename(target), setup, expression)]


def _instance(cls: type, name: str) -> Any:
    """Return an instance of a class whose functions are methods."""
    try:
        required = [
            p.name for p in inspect.signature(cls).parameters.values() if p.default is p.empty and p.kind < p.VAR_POSITIONAL
        ]
    except (TypeError, ValueError):
        required = []
    if required:
        raise LoadError(f"{name} is a class that needs {', '.join(required)} to be made: name an instance of it instead")
    try:
        return cls()
    except Exception as error:
        raise LoadError(_import_error(f"{name}()", error)) from None


def _nothing_known(target: Any, name: str) -> str:
    """Return the sentence for a target without a single function of the contract."""
    hints = near_functions(target)
    return f"{name} has none of the functions of the contract: {', '.join(OPERATIONS)}" + "".join(f"; {h}" for h in hints)


def _filename(target: Any) -> str:
    """Return the file that ``target`` was written in, as far as Python knows."""
    try:
        return inspect.getfile(target if isinstance(target, ModuleType | type | FunctionType) else type(target))
    except (TypeError, OSError):
        return ""
