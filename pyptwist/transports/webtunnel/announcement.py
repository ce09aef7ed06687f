"""
What the server of a tunnel tells of itself: to its clients, and to tor.
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from dataclasses import dataclass
from hashlib import sha256
from ipaddress import IPv6Address
from typing import Final

from twisted.logger import Logger

from pyptwist.addresses import HostPort
from pyptwist.arguments import Arguments
from pyptwist.errors import ConfigurationError
from pyptwist.interfaces import Context
from pyptwist.transports.webtunnel.url import TunnelURL, pathOf, sayable

_VERSION: Final = "0.0.3"  # of the reference whose protocol this is
_STATE_FILE: Final = "webtunnel_path"
_PATH_LENGTH: Final = 16  # bytes, of which nobody guesses as many

_log = Logger()


@dataclass(frozen=True)
class Announcement:
    """
    What clients and tor are told of a server.

    :ivar path: the secret.
    :ivar arguments: ``url`` and ``ver``, or ``path``.
    :ivar address: for bridge lines, where clients go by the URL and never connect to
        it; None for where the server listens.  It is the reference's, made of the URL,
        so that it is another one for each bridge, by which tor tells them apart, and
        so that bridge lines do not tell where the machine behind the web server is.
    """

    path: str
    arguments: Arguments
    address: HostPort | None = None


def announcement(context: Context, arguments: Arguments) -> Announcement:
    """
    :param arguments: the operator's: ``url``, ``path``, or neither, and the state
        directory has a path.
    :raises ConfigurationError: if they contradict each other, or tell no secret.
    """
    return _announced(arguments) if "url" in arguments else _bare(context, arguments)


def _announced(arguments: Arguments) -> Announcement:
    url = TunnelURL.of(arguments)
    if "path" in arguments:
        raise ConfigurationError("the arguments 'url' and 'path' exclude each other")
    if "cert" in arguments and not url.isSecure:
        raise ConfigurationError("with the option 'cert', the argument 'url' must say https")
    _requireSecret("url", url.path)
    told = Arguments(url=url.text, ver=_VERSION)
    return Announcement(url.path, told, inventedAddress(url.text))


def _bare(context: Context, arguments: Arguments) -> Announcement:
    if "cert" in arguments:
        raise ConfigurationError("the option 'cert' needs the argument 'url': it says https")
    path = pathOf(arguments) if "path" in arguments else _pathKept(context)
    _requireSecret("path", path)
    _log.info("webtunnel has no 'url': its clients reach it where it listens, without TLS")
    return Announcement(path, Arguments(path=sayable(path)))


def _pathKept(context: Context) -> str:
    state = context.stateDirectory
    if state is None:
        raise ConfigurationError(
            "the argument 'url' is missing, as in https://HOST/PATH; there is no state directory"
            " to keep a path in"
        )
    kept = state.read(_STATE_FILE)
    if kept is None:
        kept = b"/" + urlsafe_b64encode(context.entropy(_PATH_LENGTH)).rstrip(b"=")
        state.write(_STATE_FILE, kept + b"\n")
    try:
        return pathOf(Arguments(path=kept.decode("ascii").strip()))
    except ValueError:
        raise ConfigurationError(
            f"{state.path(_STATE_FILE)} holds no path; remove it to have another one made"
        ) from None


def _requireSecret(key: str, path: str) -> None:
    if not path.strip("/"):
        raise ConfigurationError(f"the argument {key!r} needs a path that nobody can guess")


def inventedAddress(url: str) -> HostPort:
    """
    :param url: of a server.
    :returns: an address of those that are kept for documentation (RFC 3849).
    """
    digest = sha256(b"WEBTUNNEL+" + url.encode("ascii")).digest()
    return HostPort(str(IPv6Address(b"\x20\x01\x0d\xb8" + digest[4:16])), 443)
