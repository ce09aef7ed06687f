"""
Under which names a client's server is asked for, and by what it is known.

Source: lyrebird 0.8.1, whose arguments these are.
"""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256

from pyptwist.arguments import Arguments
from pyptwist.errors import ConfigurationError
from pyptwist.transports.webtunnel.url import hostHeader

_SERVER_NAME, _IMITATION, _DOMAIN, _PIN = "servername", "sni-imitation", "cert-domain", "cert"


@dataclass(frozen=True)
class Naming:
    """
    :ivar asked: in TLS, in clear.
    :ivar name: whose certificate it has to be.
    :ivar chain: the hash of its certificates, see ``pyptwist.tls.identity``, instead of
        a name; or None.
    """

    asked: str
    name: str
    chain: bytes | None


def naming(host: str, arguments: Arguments, entropy: Callable[[int], bytes]) -> Naming:
    """
    :param host: the URL's.
    :param arguments: ``servername``, one or several with commas between them, of which
        one is asked for, and has to be in the certificate; ``sni-imitation``, the same,
        but that it only is asked for; ``cert-domain``, one that only has to be in the certificate;
        ``cert``, the hash of its certificates in base64.
    :param entropy: chooses among several.
    :raises ConfigurationError: naming the argument that is wrong.
    """
    asked = name = host
    if _IMITATION in arguments:
        asked = _one(_IMITATION, arguments, entropy)
    if _SERVER_NAME in arguments:
        asked = _one(_SERVER_NAME, arguments, entropy)
        name = host if _IMITATION in arguments else asked
    if _DOMAIN in arguments:
        name = _name(_DOMAIN, arguments.require(_DOMAIN))
    return Naming(asked, name, _chain(arguments))


def requireTLS(arguments: Arguments) -> None:
    """
    :param arguments: of a client without TLS, which knows no server by its certificate.
    :raises ConfigurationError: if it should.
    """
    for key in (_DOMAIN, _PIN):
        if key in arguments:
            raise ConfigurationError(f"the argument {key!r} needs a 'url' with https")


def _one(key: str, arguments: Arguments, entropy: Callable[[int], bytes]) -> str:
    listed = [one.strip() for one in arguments.require(key).split(",")]
    # As in lyrebird, a comma too many is no name.
    names = [_name(key, one) for one in listed if one] or [_name(key, "")]
    if len(names) == 1:
        return names[0]
    return names[int.from_bytes(entropy(8), "big") % len(names)]


def _name(key: str, name: str) -> str:
    try:
        hostHeader(name)
    except ConfigurationError:
        raise ConfigurationError(f"the argument {key!r} is no host name") from None
    return name


def _chain(arguments: Arguments) -> bytes | None:
    if _PIN not in arguments:
        return None
    try:
        chain = b64decode(arguments.require(_PIN).rstrip("=") + "=", validate=True)
    except (binascii.Error, ValueError):
        chain = b""
    if len(chain) != sha256().digest_size:
        raise ConfigurationError(
            f"the argument {_PIN!r} must be the base64 of 32 bytes: the hash of certificates"
        )
    return chain
