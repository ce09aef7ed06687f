"""
An authority, and certificates of its making, for the tests of TLS.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from cryptography.x509.oid import NameOID
from OpenSSL import crypto
from twisted.internet.ssl import CertificateOptions

_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Issued:
    """
    A certificate and its key, both in PEM.
    """

    certificate: bytes
    key: bytes

    def options(self, **more: Any) -> CertificateOptions:
        """
        :param more: for ``CertificateOptions``.
        :returns: for one of Twisted's servers.
        """
        return CertificateOptions(
            privateKey=crypto.load_privatekey(crypto.FILETYPE_PEM, self.key),
            certificate=crypto.load_certificate(crypto.FILETYPE_PEM, self.certificate),
            **more,
        )

    def write(self, directory: str) -> tuple[str, str]:
        """
        :returns: the paths of the certificate's file and of the key's.
        """
        paths = Path(directory, "certificate.pem"), Path(directory, "key.pem")
        for path, data in zip(paths, (self.certificate, self.key), strict=True):
            path.write_bytes(data)
            path.chmod(0o600)
        return str(paths[0]), str(paths[1])

    def pin(self) -> str:
        """
        :returns: base64 of the SHA-256 of the public key, as browsers name keys.
        """
        public = x509.load_pem_x509_certificate(self.certificate).public_key()
        data = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return base64.b64encode(hashlib.sha256(data).digest()).decode()


class Authority:
    """
    :ivar pem: its certificate.
    """

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _named("An authority of tests")
        builder = _builder(self._name, self._name, self._key.public_key())
        builder = builder.add_extension(x509.BasicConstraints(True, None), True)
        # It is by this that one is told from another of the same name.
        identifier = x509.SubjectKeyIdentifier.from_public_key(self._key.public_key())
        builder = builder.add_extension(identifier, False)
        certificate = builder.sign(self._key, hashes.SHA256())
        self.pem = certificate.public_bytes(Encoding.PEM)

    def issue(
        self,
        names: Iterable[str] = ("example.com",),
        addresses: Iterable[str] = (),
        nameless: bool = False,
        days: int = 30,
    ) -> Issued:
        """
        :param names: host names.
        :param addresses: of IP.
        :param nameless: without any, but for the old place for one.
        :param days: for how many it holds; negative if it is past them.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        names = list(names)
        builder = _builder(_named((names or ["-"])[0]), self._name, key.public_key(), days)
        builder = builder.add_extension(x509.BasicConstraints(False, None), True)
        builder = builder.add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), False
        )
        if not nameless:
            alternatives: list[x509.GeneralName] = [x509.DNSName(name) for name in names]
            alternatives += [x509.IPAddress(ip_address(address)) for address in addresses]
            builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), False)
        certificate = builder.sign(self._key, hashes.SHA256())
        return Issued(
            certificate.public_bytes(Encoding.PEM),
            key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        )


@cache
def authority() -> Authority:
    """
    :returns: the one whom the tests trust.
    """
    return Authority()


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, days: int = 30
) -> x509.CertificateBuilder:
    begin = datetime.now(UTC) - 2 * abs(days) * _DAY
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + (2 * abs(days) + days) * _DAY)
    )
