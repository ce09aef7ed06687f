"""
What a new package may be called.

Its name is a transport method's, a Python package's, and a distribution's for
pip; a class is named after it.  What will not do for all of them is refused
before anything is written.
"""

from __future__ import annotations

import builtins
import re
from collections.abc import Collection
from importlib import metadata, util
from keyword import iskeyword

from twisted.plugin import getPlugins

from pyptwist import limits
from pyptwist.errors import ConfigurationError
from pyptwist.interfaces import IClientTransport, IServerTransport
from pyptwist.ipc.quoting import isMethodName

# Dictated by pip: what a distribution's name begins and ends with.
_ENDS = re.compile(r"[A-Za-z](.*[A-Za-z0-9])?")

# The template has a directory of this name, from which its tests are imported.
_TAKEN = ("tests",)


def className(name: str) -> str:
    """
    :param name: of a method, ``demo_transport`` say.
    :returns: the same as classes are named, ``DemoTransport``.
    """
    return "".join(part[:1].upper() + part[1:] for part in name.split("_"))


def checkName(name: str, taken: Collection[str]) -> None:
    """
    Make sure that a package can have a name.

    :param taken: what its code calls other things.
    :raises ConfigurationError: naming what is wrong, and what would do.
    """
    _checkSpelling(name)
    another = f"choose another name, such as {name}_transport"
    if iskeyword(name):
        raise ConfigurationError(f"{name} is a word of Python's own; {another}")
    if name in _installedMethods():
        raise ConfigurationError(f"a transport method {name} is installed already; {another}")
    if name in _TAKEN or _isInstalled(name):
        raise ConfigurationError(f"a Python package {name} exists already; {another}")
    if className(name) in taken or hasattr(builtins, className(name)):
        raise ConfigurationError(
            f"its class would be called {className(name)}, as something else is; {another}"
        )


def _checkSpelling(name: str) -> None:
    if not isMethodName(name) or not _ENDS.fullmatch(name):
        raise ConfigurationError(
            f"{name!r} cannot be a name here; use letters, digits and underscores of ASCII, "
            f"a letter first, no underscore last{_suggestion(name)}"
        )
    if len(name) > limits.SCAFFOLD_NAME:
        raise ConfigurationError(
            f"{name} is too long; use at most {limits.SCAFFOLD_NAME} characters"
        )


def _suggestion(name: str) -> str:
    words = re.findall(r"[A-Za-z0-9]+", name)
    joined = "_".join(words).lstrip("0123456789_")
    return f", as in {joined}" if joined else ""


def _installedMethods() -> set[object]:
    # Plugins that quarrel, or have no name, do not matter here.
    roles = (IClientTransport, IServerTransport)
    return {getattr(plugin, "name", None) for role in roles for plugin in getPlugins(role)}


def _isInstalled(name: str) -> bool:
    """
    Would a package of this name hide another, or pip take it for another's
    new version?
    """
    spec = util.find_spec(name)
    # A mere directory on the path hides nothing, and gives way to a package.
    if spec is not None and spec.origin is not None:
        return True
    try:
        metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return False
    return True
