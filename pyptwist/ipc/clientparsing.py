"""
What is a client's alone in what the parent says.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from pyptwist.addresses import HostPort
from pyptwist.ipc.configuration import DEFAULT_LISTEN, Configuration, Mode
from pyptwist.ipc.lines import EnvironmentRefused
from pyptwist.ipc.settings import Setting, Settings, excluding, joined

_LISTEN: Final = "proxylistenaddr"
_LISTEN_PARTS: Final = ("proxylistenhost", "proxylistenport")


def completeClient(common: Configuration, settings: Settings) -> Configuration:
    """
    :param common: what both sides have.
    :returns: that, and where applications and the server are.
    :raises EnvironmentRefused: for what makes no sense.
    """
    target = settings.destination("target")
    if target is not None and common.mode is Mode.SOCKS5:
        raise EnvironmentRefused("in the mode socks5 applications name the target")
    return replace(common, listen=_listen(settings), target=target)


def _listen(settings: Settings) -> HostPort:
    parts = [flag for flag in _LISTEN_PARTS if settings.given(flag)]
    setting = settings.flag(_LISTEN)
    if parts and settings.given(_LISTEN):
        raise excluding(f"-{_LISTEN}", f"-{parts[0]}")
    if parts:
        host, port = (settings.flag(flag) for flag in _LISTEN_PARTS)
        setting = joined(
            host or Setting("-proxylistenhost", DEFAULT_LISTEN.host),
            port or Setting("-proxylistenport", "0"),
        )
    return DEFAULT_LISTEN if setting is None else setting.address(allowZero=True)
