"""
TLS over a network's listeners: the server's side, with a certificate that changes.

Certificates are renewed every few weeks, by programs that replace files.  So the
files are looked at for each connection, and read when they have changed.  What
cannot be used then, such as a new certificate whose key is not there yet, is said in
the log, and the old one is used on.

Source: RFC 8446.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from OpenSSL import SSL, crypto
from twisted.internet.interfaces import (
    IListeningPort,
    IOpenSSLServerConnectionCreator,
    IProtocolFactory,
    IStreamServerEndpoint,
)
from twisted.internet.ssl import CertificateOptions, TLSVersion
from twisted.logger import Logger
from twisted.protocols.tls import TLSMemoryBIOFactory
from zope.interface import implementer

from pyptwist.arguments import Arguments
from pyptwist.errors import ConfigurationError
from pyptwist.tls.pem import certificatesIn, readPEM
from pyptwist.tls.transport import freeing

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred

_State: TypeAlias = tuple[tuple[int, ...], ...]


@implementer(IOpenSSLServerConnectionCreator)
class CertificateFiles:
    """
    A certificate and its key, in two files.
    """

    _log = Logger()

    def __init__(
        self, certificate: str, key: str, protocols: tuple[bytes, ...] = (b"http/1.1",)
    ) -> None:
        """
        :param certificate: a file with the certificate, and behind it those that
            vouch for it, in PEM.
        :param key: a file with its private key, in PEM, without a password.
        :param protocols: accepted by ALPN, the best one first.
        :raises ConfigurationError: if they cannot be read, or do not belong together.
        """
        self._files = certificate, key
        self._protocols = protocols
        self._seen = self._look()
        self._context = self._load()

    def serverConnectionForTLS(self, protocol: Any) -> SSL.Connection:
        """
        See ``IOpenSSLServerConnectionCreator``.
        """
        seen = self._look()
        if seen != self._seen:
            self._seen = seen
            self._refresh()
        return SSL.Connection(self._context, None)

    def _look(self) -> _State | None:
        """
        :returns: what changes when a file does; None if one is missing.
        """
        try:
            found = [os.stat(file) for file in self._files]
        except OSError:
            return None
        # The second time is that of a change of the mode, too, which may be the cure.
        return tuple((one.st_mtime_ns, one.st_ctime_ns, one.st_ino, one.st_size) for one in found)

    def _refresh(self) -> None:
        try:
            self._context = self._load()
        except ConfigurationError as error:
            self._log.error("The new certificate is not used: {error}", error=error)
        else:
            self._log.info("The certificate was read anew")

    def _load(self) -> SSL.Context:
        data, key = (
            readPEM(option, file, os.path.abspath(file))
            for option, file in zip(("cert", "key"), self._files, strict=True)
        )
        chain = certificatesIn("cert", data)
        try:
            loaded: Any = load_pem_private_key(key, None)
            private = crypto.PKey.from_cryptography_key(loaded)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            raise ConfigurationError(
                "the file of 'key' must hold a private key for TLS, in PEM, without a password"
            ) from None
        first, *others = [crypto.X509.from_cryptography(one) for one in chain]
        options: Any = CertificateOptions(
            privateKey=private,
            certificate=first,
            extraCertChain=others,
            raiseMinimumTo=TLSVersion.TLSv1_2,
        )
        try:
            context: SSL.Context = options.getContext()
        except SSL.Error:
            raise ConfigurationError(
                "the files of 'cert' and 'key' do not belong together"
            ) from None
        context.set_alpn_select_callback(partial(_chosen, self._protocols))
        return context


def _chosen(ours: Sequence[bytes], connection: object, theirs: Sequence[bytes]) -> Any:
    """
    Twisted's own choice, where there is none, has OpenSSL say that it failed
    internally, as no web server does.

    :returns: the protocol; or that the client is not answered, and may go on.
    """
    return next((one for one in ours if one in theirs), SSL.NO_OVERLAPPING_PROTOCOLS)


def certificateNames(arguments: Arguments) -> tuple[str, str] | None:
    """
    :param arguments: an operator's options: ``cert`` and ``key`` name files.
    :returns: what ``CertificateFiles`` wants first; None without the options.
    :raises ConfigurationError: if only one is there.
    """
    given = [key for key in ("cert", "key") if key in arguments]
    if len(given) == 1:
        raise ConfigurationError("the options 'cert' and 'key' need each other")
    return (arguments.require("cert"), arguments.require("key")) if given else None


def securingServer(
    endpoint: IStreamServerEndpoint, reactor: Any, certificate: CertificateFiles
) -> IStreamServerEndpoint:
    """
    Put TLS over a server endpoint.
    """
    return _TLSServerEndpoint(endpoint, reactor, certificate)


@implementer(IStreamServerEndpoint)
class _TLSServerEndpoint:
    def __init__(
        self, endpoint: IStreamServerEndpoint, reactor: Any, certificate: CertificateFiles
    ) -> None:
        self._endpoint = endpoint
        self._reactor = reactor
        self._certificate = certificate

    def listen(self, protocolFactory: IProtocolFactory) -> Deferred[IListeningPort]:
        factory = TLSMemoryBIOFactory(
            self._certificate, False, protocolFactory, clock=self._reactor
        )
        factory.noisy = False
        listening: Deferred[IListeningPort] = self._endpoint.listen(freeing(factory))
        return listening
