"""
Who a server of TLS has to be: one that has a certificate for a name, of an authority;
or the one that has certain certificates, whoever issued them.

The name need not be the one that the server is asked for, in clear (SNI).

Sources: RFC 6066, section 3 (SNI); RFC 9525 (names in certificates); Tor's webtunnel
0.0.3 (the hash of certificates).
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from OpenSSL import SSL, crypto
from service_identity import CertificateError, VerificationError
from service_identity.hazmat import DNS_ID
from service_identity.pyopenssl import verify_hostname, verify_ip_address
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.internet.ssl import CertificateOptions
from zope.interface import implementer

from pyptwist.addresses import HostPort
from pyptwist.errors import AuthenticationFailed, ConfigurationError


@dataclass(frozen=True)
class Identity:
    """
    What a server is asked for, and has to show.

    :ivar name: in its certificate: a host's, or an IP address.
    :ivar asked: what the server is told, in clear; nothing if it is an IP address.
    :ivar chain: see ``chainHash``.  With it, certificates are compared, and neither
        their names nor who issued them matter.
    """

    name: str
    asked: str
    chain: bytes | None = None

    @classmethod
    def of(cls, name: str, asked: str | None = None, chain: bytes | None = None) -> Identity:
        """
        :param asked: None for the name itself.
        :param chain: 32 bytes.
        :raises ConfigurationError: if one of both names can be in no certificate; or
            for any other length, since no bytes are the hash of no certificates.
        """
        if chain is not None and len(chain) != sha256().digest_size:
            raise ConfigurationError("the hash of certificates must have 32 bytes")
        canonical = _canonical(name)
        return cls(canonical, canonical if asked is None else _canonical(asked), chain)

    @property
    def isOrdinary(self) -> bool:
        """
        Is it asked for what it has to show?
        """
        return self.chain is None and self.name == self.asked

    def check(self, connection: SSL.Connection) -> None:
        """
        :param connection: of which the handshake is over.
        :raises AuthenticationFailed: if somebody else is there.
        """
        if self.chain is None:
            self._checkName(connection)
        else:
            self._checkChain(self.chain, connection)

    def _checkName(self, connection: SSL.Connection) -> None:
        check = verify_ip_address if _isAddress(self.name) else verify_hostname
        try:
            check(connection, self.name)
        except (CertificateError, VerificationError):
            raise wrongName() from None

    def _checkChain(self, chain: bytes, connection: SSL.Connection) -> None:
        found = connection.get_peer_cert_chain() or []
        shown = [crypto.dump_certificate(crypto.FILETYPE_ASN1, one) for one in found]
        if not hmac.compare_digest(chainHash(shown), chain):
            raise AuthenticationFailed("the server's certificates are not those that it must have")


@implementer(IOpenSSLClientConnectionCreator)
class Asking:
    """
    Makes connections that ask for a name, whose certificates are looked at afterwards.
    Twisted's own cannot ask for another name than they look for.
    """

    def __init__(self, options: CertificateOptions, asked: str) -> None:
        """
        :param options: which authorities vouch, if any.
        """
        self._context: SSL.Context = options.getContext()
        self._asked = asked

    def clientConnectionForTLS(self, protocol: Any) -> SSL.Connection:
        """
        See ``IOpenSSLClientConnectionCreator``.
        """
        connection = SSL.Connection(self._context, None)
        if not _isAddress(self._asked):
            connection.set_tlsext_host_name(self._asked.encode("ascii"))
        return connection


def chainHash(certificates: Iterable[bytes]) -> bytes:
    """
    :param certificates: in DER, in the order in which a server shows them.
    :returns: 32 bytes: the SHA-256 of the first one; or, if there are more, of what
        is so computed of those before the last, and the SHA-256 of the last.
    """
    found = b""
    for one in certificates:
        digest = sha256(one).digest()
        found = sha256(found + digest).digest() if found else digest
    return found


def wrongName() -> AuthenticationFailed:
    """
    :returns: what is said of a certificate for another name.
    """
    return AuthenticationFailed(
        "the server's certificate is for another name: check the name, or set servername to"
        " the one that it is for"
    )


def _isAddress(name: str) -> bool:
    return HostPort(name, 0).ip is not None


def _canonical(name: str) -> str:
    """
    :returns: the name as it stands in certificates; Go's clients leave the dot at
        its end away, too.
    """
    if _isAddress(name):
        return name
    try:
        ascii_ = name.removesuffix(".").encode("idna").decode("ascii").lower()
        DNS_ID(ascii_)
    except ValueError:
        raise ConfigurationError("the server's name is no host name") from None
    return ascii_
