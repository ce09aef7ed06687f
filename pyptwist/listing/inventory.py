"""
Which transport methods are installed, where they came from, and what cannot be
used, and why.

Twisted's own search goes by a cache beside the plugin modules, and drops what
fails into the log.  Here each module is imported, each method's code too, and
the cache is an object of the examination.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from typing import Any

import twisted.plugins
from twisted.plugin import IPlugin
from twisted.python.modules import PythonModule, getModule
from twisted.python.reflect import safe_str

from pyptwist.errors import PTError
from pyptwist.interfaces import IClientTransport, IServerTransport
from pyptwist.listing.origins import Origin, Origins
from pyptwist.registry import Methods
from pyptwist.safelog import oneLine
from pyptwist.stacks import Stack

_ROLES = {"client": IClientTransport, "server": IServerTransport}
_CACHE = "dropin.cache"


@dataclass(frozen=True)
class Method:
    """
    A name that plugins claim, or that a stack was given.

    :ivar roles: ``client``, ``server`` or both: those that it claims; a stack's,
        those that it can play, if any.
    :ivar origins: one; more where they quarrel about the name; none for a stack
        that was defined for now.
    :ivar stack: the expression, if the method is a stack of others.
    :ivar problem: why it cannot be used; None if it can.
    """

    name: str
    roles: list[str]
    origins: list[Origin]
    stack: str | None
    problem: str | None


@dataclass(frozen=True)
class Problem:
    """
    A plugin module, or something in one, that is of no use.

    :ivar name: the module's, without ``twisted.plugins``; with the attribute's,
        if it is that alone; or the path of a cache.
    """

    name: str
    origin: Origin
    reason: str


@dataclass
class Inventory:
    """
    Everything that was found.
    """

    methods: list[Method] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    @property
    def isSound(self) -> bool:
        """
        Can all of it be used?
        """
        return not self.problems and all(method.problem is None for method in self.methods)


@dataclass(frozen=True)
class _Found:
    """
    One object with a role, and where it was.

    :ivar misuse: why Twisted or the registry cannot find it at all, if so.
    """

    module: PythonModule
    attribute: str
    plugin: Any
    name: Any
    misuse: str | None

    @property
    def label(self) -> str:
        return f"{_key(self.module)}.{self.attribute}"

    def plays(self, role: str) -> bool:
        return bool(_ROLES[role].providedBy(self.plugin))


def survey(origins: Origins, stacks: Mapping[str, str] | None = None) -> Inventory:
    """
    Import every plugin module, and the code of every method.

    :param origins: knows the packages.
    :param stacks: defined for now: expressions by name.
    :raises ConfigurationError: if an expression is none.
    """
    inventory = Inventory()
    found: list[_Found] = []
    for module in getModule(twisted.plugins.__name__).iterModules():
        mine: list[_Found] = []
        failed = _trouble(partial(_collect, module, mine))
        reasons = {_key(module): failed, **{one.label: one.misuse for one in mine}}
        if failed is None:
            reasons[module.filePath.sibling(_CACHE).path] = _staleCache(module, mine)
        origin = origins.of(module.filePath.path)
        inventory.problems += [Problem(k, origin, why) for k, why in reasons.items() if why]
        found += [one for one in mine if one.misuse is None]
    methods = _methods([one.plugin for one in found], stacks or {})
    for name in sorted({one.name for one in found} | {*(stacks or {})}):
        mine = [one for one in found if one.name == name]
        inventory.methods.append(_method(name, mine, methods, origins, (stacks or {}).get(name)))
    return inventory


def _collect(module: PythonModule, found: list[_Found]) -> None:
    loaded = import_module(module.name)
    found += [
        _found(module, attribute, value)
        for attribute, value in sorted(vars(loaded).items())
        if any(role.providedBy(value) for role in _ROLES.values())
    ]


def _found(module: PythonModule, attribute: str, plugin: Any) -> _Found:
    name, misuse = getattr(plugin, "name", None), None
    if IPlugin(plugin, None) is None:
        misuse = "it is a transport, but no IPlugin, so Twisted does not find it"
    elif not isinstance(name, str):
        misuse = "it has no name"
    return _Found(module, attribute, plugin, name, misuse)


def _methods(plugins: list[Any], stacks: Mapping[str, str]) -> Methods:
    """
    :returns: what finds these, and not what Twisted's search would.
    """
    own: dict[int, Any] = {}

    def bound(plugin: Any) -> Any:
        # A stack looks for its layers itself, unless it is told where.
        if isinstance(plugin, Stack) and id(plugin) not in own:
            own[id(plugin)] = stack = Stack(plugin.expression, plugin.name, methods)
            stack.module = getattr(plugin, "module", "?")  # type: ignore[attr-defined]
        return own.get(id(plugin), plugin)

    methods = Methods(stacks, lambda role: [bound(p) for p in plugins if role.providedBy(p)])
    return methods


def _method(
    name: str, found: list[_Found], methods: Methods, origins: Origins, defined: str | None
) -> Method:
    stack = defined or next(
        (one.plugin.expression for one in found if isinstance(one.plugin, Stack)), None
    )
    roles = [role for role in _ROLES if defined or any(one.plays(role) for one in found)]
    problems = {role: _trouble(partial(_load, methods, name, role)) for role in roles}
    if stack is not None and None in problems.values():
        # What a stack can play depends on its layers.
        problems = {role: problem for role, problem in problems.items() if problem is None}
    came = [origins.of(one.module.filePath.path) for one in found]
    reasons = [problem for problem in problems.values() if problem is not None]
    return Method(name, [*problems], [*dict.fromkeys(came)], stack, next(iter(reasons), None))


def _load(methods: Methods, name: str, role: str) -> None:
    method = methods.client(name) if role == "client" else methods.server(name)
    # Whoever does not import late has imported already.
    getattr(method, f"load{role.capitalize()}", lambda: None)()


# --- Twisted's cache --------------------------------------------------------


def _staleCache(module: PythonModule, found: list[_Found]) -> str | None:
    """
    Does Twisted go by a cache that knows other transports than the module has?
    That happens where a package keeps the times of its files, as Debian's do.

    :returns: what is wrong with it, if so.
    """
    cache = module.filePath.sibling(_CACHE)
    try:
        if module.filePath.getModificationTime() >= cache.getModificationTime():
            return None
        # Twisted itself loads it whenever it looks for plugins.
        entries = pickle.loads(cache.getContent())  # noqa: S301
        plugins = entries[_key(module)].plugins
    except Exception:
        return None  # There is none that counts: the module will be imported.
    known = {plugin.name for plugin in plugins if _isTransport(plugin.provided)}
    wanted = {one.attribute for one in found if IPlugin(one.plugin, None) is not None}
    if known == wanted:
        return None
    names = ", ".join(sorted(known ^ wanted))
    return f"it is out of date about {_key(module)} ({names}); delete it"


def _isTransport(provided: Iterable[Any]) -> bool:
    return any(one.isOrExtends(role) for one in provided for role in _ROLES.values())


def _key(module: PythonModule) -> str:
    return str(module.name).rpartition(".")[2]


# --- Reasons ----------------------------------------------------------------


def _trouble(work: Callable[[], object]) -> str | None:
    """
    :returns: why somebody else's code failed, in one line; None if it did not.
    """
    try:
        work()
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # A module may well call sys.exit().
        text = safe_str(error)
        reason = text if isinstance(error, PTError) else f"{type(error).__name__}: {text}"
        return oneLine(reason).rstrip(": ")
    return None
