"""
What ``pyptwist new`` writes: the template beside this module, under another
name.

The template is a package that works, called ``demo_transport``, so that
whatever is checked in our own code is checked in it as well.
"""

from __future__ import annotations

import ast
import re
import shutil
from pathlib import Path

from pyptwist.errors import ConfigurationError
from pyptwist.scaffold.names import checkName, className

_TEMPLATE = Path(__file__).parent / "template"
_NAME, _CLASS = "demo_transport", "DemoTransport"

# Not all that lies there is the template: Python and Twisted leave caches.
_FILES = (
    "README.rst",
    "gitignore",
    "pyproject.toml",
    f"src/{_NAME}/__init__.py",
    f"src/{_NAME}/codec.py",
    f"src/{_NAME}/method.py",
    f"src/{_NAME}/py.typed",
    f"src/twisted/plugins/{_NAME}_plugin.py",
    "tests/__init__.py",
    f"tests/test_{_NAME}.py",
)

# With its dot, git would obey the template's.
_RENAMED = {"gitignore": ".gitignore"}


def render(name: str) -> dict[str, str]:
    """
    :param name: of the method and its package.
    :returns: the text of each file, by its path in the package's directory.
    :raises ConfigurationError: if there cannot be a package of that name.
    """
    texts = {path: (_TEMPLATE / path).read_text(encoding="utf-8") for path in _FILES}
    code = [text for path, text in texts.items() if path.endswith(".py")]
    checkName(name, set().union(*map(_names, code)) - {_CLASS})

    # In one go, since the new names may contain the old ones.
    new = {_NAME: name, _CLASS: className(name)}

    def renamed(text: str) -> str:
        return re.sub("|".join(new), lambda match: new[match[0]], text)

    return {renamed(_RENAMED.get(path, path)): renamed(text) for path, text in texts.items()}


def _names(code: str) -> set[str]:
    """
    :returns: what a module calls what it imports, and its classes.
    """
    names: set[str] = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.ImportFrom):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ClassDef):
            names.add(node.name)
    return names


def writePackage(name: str, directory: Path) -> None:
    """
    Write a package, all of it or nothing.

    :param name: see ``render``.
    :param directory: for its files; made here, inside one that exists.
    :raises ConfigurationError: if the name will not do, or the directory
        exists or cannot be made.
    """
    texts = render(name)
    try:
        directory.mkdir()
    except FileExistsError:
        raise ConfigurationError(
            f"{directory} exists already; remove it, or name another one with --directory"
        ) from None
    except OSError as error:
        raise ConfigurationError(
            f"cannot make {directory} ({error.strerror}); name a new directory inside one "
            "that you may write to"
        ) from error
    try:
        for path, text in texts.items():
            file = directory / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
    except OSError as error:
        shutil.rmtree(directory)
        raise ConfigurationError(f"cannot write {path} ({error.strerror})") from error
