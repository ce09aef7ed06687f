"""
TLS over a network's connections: the client's side.

Twisted's TLS does the work.  Two things are different here.  An endpoint of
Twisted's fires when TCP is connected, and what goes wrong in the TLS handshake
looks like any other end of the connection; here ``connect()`` fires when TLS is
agreed upon and the server has shown who it is, and fails with the reason.  And
whatever goes wrong is an error of ``pyptwist.errors``, without an address in it.

A certificate is checked against the server name, which need not be the host
that is dialled; what is no name but an IP address is checked against the
certificate's addresses.  See ``pyptwist.tls.identity`` for who else a server may have
to be.

Sources: RFC 8446; RFC 9525 (names in certificates).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from OpenSSL import SSL, crypto
from service_identity import CertificateError, VerificationError
from twisted.internet.defer import Deferred
from twisted.internet.error import (
    ConnectionAborted,
    ConnectionDone,
    ConnectionLost,
)
from twisted.internet.interfaces import (
    IAddress,
    IHandshakeListener,
    IProtocol,
    IProtocolFactory,
    IStreamClientEndpoint,
    ITransport,
)
from twisted.internet.protocol import connectionDone
from twisted.internet.ssl import (
    Certificate,
    CertificateOptions,
    TLSVersion,
    optionsForClientTLS,
    platformTrust,
    trustRootFromCertificates,
)
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure
from zope.interface import implementer

from pyptwist import limits
from pyptwist.alarm import Alarm
from pyptwist.arguments import Arguments
from pyptwist.attempts import Attempt, Awaited, Build
from pyptwist.errors import (
    AuthenticationFailed,
    ClosedByPeer,
    FramingError,
    HandshakeFailed,
    HandshakeTimeout,
)
from pyptwist.tls.identity import Asking, Identity, wrongName
from pyptwist.tls.pem import certificatesIn, readPEM
from pyptwist.tls.transport import freeing
from pyptwist.wrapping import WrappingFactory

if TYPE_CHECKING:
    from twisted.internet.interfaces import IReactorTime

_AUTHORITIES = "ca"


def authorities(arguments: Arguments) -> bytes | None:
    """
    Whom a client trusts to vouch for its servers.

    :param arguments: ``ca`` names a file with the certificates of authorities, in
        PEM; without it, those count that this machine trusts, or that OpenSSL's
        variables ``SSL_CERT_FILE`` and ``SSL_CERT_DIR`` name.
    :returns: what the file holds; None without one.
    :raises ConfigurationError: if it cannot be read, or holds no certificate.
    """
    if _AUTHORITIES not in arguments:
        return None
    data = readPEM(_AUTHORITIES, arguments.require(_AUTHORITIES))
    _certificates(data)
    return data


def securing(
    endpoint: IStreamClientEndpoint,
    reactor: IReactorTime,
    serverName: str,
    authorities: bytes | None = None,
    protocols: tuple[bytes, ...] = (),
    handshakeTimeout: float = limits.TLS_HANDSHAKE,
    asked: str | None = None,
    chain: bytes | None = None,
) -> IStreamClientEndpoint:
    """
    Put TLS, of version 1.2 at least, over a client endpoint.

    :param endpoint: makes the connection below.
    :param serverName: whose certificate the server must have: a host name, or an IP
        address.
    :param authorities: see the function of this name.
    :param protocols: offered by ALPN, the best one first; none for no ALPN.
    :param handshakeTimeout: seconds from the connection below to the end of the
        handshake.
    :param asked: the host name that the server is told (SNI), unless it is the one
        above; no server is told an IP address.
    :param chain: 32 bytes, see ``pyptwist.tls.identity.chainHash``: who has these
        certificates is the right one, without a word of any authority.
    :returns: an endpoint whose ``connect()`` fires when the server is known to be
        the right one.  It fails with a ``ConnectError`` kind (of which
        ``AuthenticationFailed`` says that the certificate was refused),
        ``NoProtocol`` or a cancellation only.
    :raises ConfigurationError: if a name can be in no certificate.
    """
    identity = Identity.of(serverName, asked, chain)
    # What OpenSSL reads when a context is made; who changes it wants another one.
    places = os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")
    options = _options(identity, authorities, protocols, places)
    return TLSClientEndpoint(endpoint, reactor, identity, options, handshakeTimeout)


def _certificates(data: bytes) -> list[Certificate]:
    found = certificatesIn(_AUTHORITIES, data)
    return [Certificate(crypto.X509.from_cryptography(one)) for one in found]


@lru_cache(limits.TLS_CONTEXTS)
def _options(
    identity: Identity,
    data: bytes | None,
    protocols: tuple[bytes, ...],
    places: tuple[str | None, str | None],
) -> Any:
    """
    Reading all of the world's authorities takes tens of milliseconds.

    :returns: a maker of connections.
    """
    root: Any = None if data is None else trustRootFromCertificates(_certificates(data))
    wanted: Any = list(protocols) or None
    minimum: Any = {"raiseMinimumTo": TLSVersion.TLSv1_2}
    if identity.isOrdinary:
        return optionsForClientTLS(
            identity.name,
            trustRoot=root,
            acceptableProtocols=wanted,
            extraCertificateOptions=minimum,
        )
    trust = None if identity.chain is not None else root or platformTrust()
    options = CertificateOptions(trustRoot=trust, acceptableProtocols=wanted, **minimum)
    return Asking(options, identity.asked)


@implementer(IStreamClientEndpoint)
class TLSClientEndpoint:
    """
    See ``securing``.
    """

    def __init__(
        self,
        endpoint: IStreamClientEndpoint,
        reactor: IReactorTime,
        identity: Identity,
        options: Any,
        timeout: float,
    ) -> None:
        self._endpoint = endpoint
        self._reactor = reactor
        self._identity = identity
        self._options = options
        self._timeout = timeout

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        attempt = Attempt()
        secured = _Secured(
            self._reactor,
            self._identity,
            protocolFactory.buildProtocol,
            attempt.ready,
            attempt.failed,
        )
        one = _OneSecured(protocolFactory, secured, self._timeout)
        factory = TLSMemoryBIOFactory(self._options, True, one, clock=self._reactor)
        return attempt.on(self._endpoint.connect(freeing(factory)), secured)


class _OneSecured(WrappingFactory):
    """
    Gives the one protocol that was made beforehand.
    """

    def __init__(self, application: IProtocolFactory, secured: _Secured, timeout: float) -> None:
        super().__init__(application)
        self._secured: _Secured | None = secured
        self._timeout = timeout

    def buildProtocol(self, addr: IAddress | None) -> _Secured | None:  # type: ignore[override]
        # Twisted's connector keeps its factory, in a cycle; not the connection with it.
        secured, self._secured = self._secured, None
        if secured is not None:
            secured.begin(addr, self._timeout)
        return secured


@implementer(IProtocol, IHandshakeListener)
class _Secured(Awaited):
    """
    Stands between Twisted's TLS and the application's protocol, which is built
    when the handshake is over, and has the TLS connection for its transport.
    """

    transport: Any = None

    def __init__(
        self,
        reactor: IReactorTime,
        identity: Identity,
        build: Build,
        ready: Callable[[IProtocol], object],
        failed: Callable[[Failure], object],
    ) -> None:
        super().__init__(build, ready, failed)
        self._identity = identity
        self._reactor = reactor
        self._deadline = Alarm(reactor)
        self._protocol: IProtocol | None = None

    def begin(self, address: IAddress | None, timeout: float) -> None:
        """
        The connection below is about to be there.

        :param timeout: seconds for the handshake.
        """
        self._address = address
        self._deadline.set(self._reactor.seconds() + timeout, self._late)

    def makeConnection(self, transport: ITransport) -> None:
        self.transport = transport
        self.connectionMade()

    def connectionMade(self) -> None:
        """
        The handshake is about to begin.
        """

    def handshakeCompleted(self) -> None:
        if self._build is None:
            return
        try:
            # Twisted has looked for the name.  But it lets pass what it cannot make
            # sense of, which includes a certificate without any name.
            self._identity.check(self.transport.getHandle())
            protocol = self._built(self._address)
        except Exception:
            self._fail(Failure())
            self.loseConnection()
            return
        self._deadline.stop()
        self._protocol = protocol
        self._connected(protocol, self.transport)

    def loseConnection(self) -> None:
        """
        Nobody wants it any more.
        """
        self.transport.abortConnection()

    def dataReceived(self, data: bytes) -> None:
        if self._protocol is not None:
            self._protocol.dataReceived(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._deadline.stop()
        protocol, self._protocol = self._protocol, None
        self.transport = None
        if protocol is None:
            self._fail(_inHandshake(reason))
        else:
            protocol.connectionLost(_later(reason))

    def _late(self) -> None:
        self._fail(Failure(HandshakeTimeout("the TLS handshake took too long")))
        if self.transport is not None:
            self.loseConnection()

    def _fail(self, reason: Failure) -> None:
        self._deadline.stop()
        super()._fail(reason)


def _inHandshake(reason: Failure) -> Failure:
    error = reason.value
    if isinstance(error, CertificateError | VerificationError):
        return Failure(wrongName())
    if isinstance(error, SSL.Error):
        return Failure(_refusal(_words(error)))
    if isinstance(error, ConnectionDone | ConnectionLost | ConnectionAborted):
        return Failure(ClosedByPeer("the server closed the connection in the TLS handshake"))
    return reason


def _refusal(words: str) -> HandshakeFailed:
    if words == "certificate verify failed":
        return AuthenticationFailed(
            "the server's certificate was refused: it is out of date, or of an authority that"
            f" this machine does not trust; a file of authorities can be given as {_AUTHORITIES!r}"
        )
    return HandshakeFailed(f"the TLS handshake failed: {words or 'no reason was given'}")


def _words(error: SSL.Error) -> str:
    """
    :returns: OpenSSL's own, of a fixed set.
    """
    queue = error.args[0] if error.args else None
    return str(queue[-1][-1]) if isinstance(queue, list) and queue else ""


def _later(reason: Failure) -> Failure:
    if isinstance(reason.value, SSL.Error):
        return Failure(FramingError("the TLS connection was broken, or tampered with"))
    return reason
