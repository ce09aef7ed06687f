"""
What is a server's alone in what the parent says.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from pyptwist.addresses import HostPort
from pyptwist.errors import ConfigurationError
from pyptwist.ipc.configuration import DEFAULT_BIND, Configuration, ExtendedORPort
from pyptwist.ipc.dialects import PT1
from pyptwist.ipc.lines import EnvironmentRefused
from pyptwist.ipc.quoting import isMethodName
from pyptwist.ipc.settings import Setting, Settings, excluding, joined

_BINDS: Final = "TOR_PT_SERVER_BINDADDR"
_ORPORT: Final = "TOR_PT_ORPORT"
_EXTENDED: Final = "TOR_PT_EXTENDED_SERVER_PORT"
_COOKIE: Final = "TOR_PT_AUTH_COOKIE_FILE"

_BIND_PARTS: Final = ("transport", "bindhost", "bindport")
_TARGETS: Final = ("target", "orport", "targethost", "targetport")


def completeServer(common: Configuration, settings: Settings) -> Configuration:
    """
    :param common: what both sides have.
    :returns: that, and where to listen and to forward to.
    :raises EnvironmentRefused: for what makes no sense.
    """
    binds, errors = _binds(settings, common)
    targets, orPorts = settings.destinations("target", "orport"), _orPorts(settings)
    extended = _extended(settings)
    if common.mode.isDatagrams and extended:
        raise EnvironmentRefused(f"there is no extended ORPort in the mode {common.mode.value}")
    if common.mode.isDatagrams and len(targets or orPorts) > 1:
        raise EnvironmentRefused(f"there is one target in the mode {common.mode.value}")
    if not (targets or orPorts or extended):
        what = f"{_ORPORT} nor {_EXTENDED}" if common.dialect is PT1 else "-target nor -extorport"
        raise EnvironmentRefused(f"neither {what} says where to forward to")
    return replace(
        common,
        binds=binds,
        methodErrors=errors,
        target=targets[0] if targets else None,
        orPort=orPorts[0] if orPorts else None,
        otherTargets=(targets or orPorts)[1:],
        extendedORPorts=extended,
    )


# --- Where to listen --------------------------------------------------------


def _binds(
    settings: Settings, common: Configuration
) -> tuple[dict[str, HostPort], dict[str, str]]:
    """
    :returns: where each method listens, and why it cannot.
    """
    if (bind := _bindInParts(settings)) is not None:
        return dict.fromkeys(common.methods, bind), {}
    setting = settings.get(_BINDS, "bindaddr")
    if setting is None:
        if common.dialect.needsBind:
            raise EnvironmentRefused(
                "neither -bindaddr, nor -transport with -bindhost and -bindport, says where to"
                " listen"
            )
        return dict.fromkeys(common.methods, DEFAULT_BIND), {}
    return _bindList(setting, common)


def _bindInParts(settings: Settings) -> HostPort | None:
    given = [flag for flag in _BIND_PARTS if settings.given(flag)]
    if not given:
        return None
    if settings.given("bindaddr"):
        raise excluding("-bindaddr", f"-{given[0]}")
    if not settings.dialect.flagWins and settings.variable(_BINDS):
        raise excluding(f"-{given[0]}", _BINDS)
    if given == ["transport"]:
        return None
    host, port = settings.flag("bindhost"), settings.flag("bindport")
    if host is None or port is None or not settings.given("transport"):
        raise EnvironmentRefused("-transport, -bindhost and -bindport need each other")
    return joined(host, port).address(allowZero=True)


def _bindList(
    setting: Setting, common: Configuration
) -> tuple[dict[str, HostPort], dict[str, str]]:
    binds: dict[str, HostPort] = {}
    errors: dict[str, str] = {}
    for name, address in _bindEntries(setting):
        if name not in common.methods:
            continue
        try:
            if name in binds:
                raise ConfigurationError("there is more than one address for this method")
            binds[name] = HostPort.parse(address, allowName=False)
        except ConfigurationError as error:
            errors[name] = f"{setting.name}: {error}"
    if common.dialect.needsBind:
        for name in common.methods:
            if name not in binds:
                errors.setdefault(name, f"{setting.name}: there is no address for this method")
    wanted = {name: binds.get(name, DEFAULT_BIND) for name in common.methods if name not in errors}
    return wanted, errors


def _bindEntries(setting: Setting) -> Iterator[tuple[str, str]]:
    for entry in setting.text.split(","):
        name, dash, address = entry.partition("-")
        if not dash or not isMethodName(name):
            raise EnvironmentRefused(f"{setting.name} must be a list of METHOD-ADDRESS:PORT")
        yield name, address


# --- Where to forward to ----------------------------------------------------


def _orPorts(settings: Settings) -> tuple[HostPort, ...]:
    setting = settings.variable(_ORPORT)
    given = [flag for flag in _TARGETS if settings.given(flag)]
    if given and setting is not None:
        if not settings.dialect.flagWins:
            raise excluding(f"-{given[0]}", _ORPORT)
        return ()
    # A name is allowed from PT 2.1 on (section 1.1.3).
    allowName = settings.dialect is not PT1
    return tuple(part.address(allowName=allowName) for part in _several(setting, settings))


def _extended(settings: Settings) -> tuple[ExtendedORPort, ...]:
    ports = _several(settings.get(_EXTENDED, "extorport"), settings)
    if not ports:
        if settings.given("authcookie"):
            raise EnvironmentRefused("-authcookie is set, but -extorport is not")
        return ()
    cookie = settings.get(_COOKIE, "authcookie")
    if cookie is None:
        names = (
            ("-extorport", "-authcookie") if settings.given("extorport") else (_EXTENDED, _COOKIE)
        )
        raise EnvironmentRefused("{} is set, but {} is not".format(*names))
    # The path of a single one may have commas in it.
    files = [part.text for part in cookie.parts()] if len(ports) > 1 else [cookie.text]
    if len(files) != len(ports) or not all(files):
        cookie.refuse(f"there must be a file for each of the {len(ports)} of {ports[0].name}")
    return tuple(
        ExtendedORPort(port.address(), file) for port, file in zip(ports, files, strict=True)
    )


def _several(setting: Setting | None, settings: Settings) -> list[Setting]:
    """
    :returns: the items of a list; in PT 1, which knows of none, the whole.
    """
    if setting is None:
        return []
    return [setting] if settings.dialect is PT1 else setting.parts()
