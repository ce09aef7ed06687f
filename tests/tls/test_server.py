"""
A server's certificate, which is renewed while it listens.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from OpenSSL import SSL
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from pyptwist.errors import ConfigurationError
from pyptwist.testing.applications import Applications
from pyptwist.testing.memory import MemoryNetwork
from pyptwist.tls.client import securing
from pyptwist.tls.server import CertificateFiles, securingServer
from tests.certificates import Issued, authority


class CertificateTests(SynchronousTestCase):
    """
    Two files.
    """

    def setUp(self) -> None:
        self.directory = self.mktemp()
        os.mkdir(self.directory)
        self.errors: list[str] = []

    def issue(self, name: str) -> Issued:
        return authority().issue([name])

    def write(self, issued: Issued) -> tuple[str, str]:
        return issued.write(self.directory)

    def listening(self, files: tuple[str, str]) -> tuple[MemoryNetwork, Applications]:
        """
        :returns: a network, with somebody on port 443 who has these files.
        """
        network, servers = MemoryNetwork(), Applications()
        endpoint = securingServer(
            network.serverEndpoint("127.0.0.1", 443), network.clock, CertificateFiles(*files)
        )
        self.successResultOf(endpoint.listen(servers))
        return network, servers

    def shows(self, network: MemoryNetwork, name: str) -> bool:
        """
        Does it have a certificate for this name?
        """
        endpoint = securing(
            network.clientEndpoint("127.0.0.1", 443), network.clock, name, authority().pem
        )
        outcomes: list[Any] = []
        endpoint.connect(Applications()).addBoth(outcomes.append)
        network.pump()
        (outcome,) = outcomes
        if not hasattr(outcome, "transport"):
            return False
        outcome.transport.abortConnection()
        network.pump()
        return True

    def test_served(self) -> None:
        """
        TLS, and within it the application.
        """
        network, servers = self.listening(self.write(self.issue("old.example")))
        self.assertTrue(self.shows(network, "old.example"))
        self.assertFalse(self.shows(network, "other.example"))
        self.assertEqual(len(servers.built), 2)

    def test_renewed(self) -> None:
        """
        A new pair of files is used for the next connection; the listener is the same.
        """
        network, _ = self.listening(self.write(self.issue("old.example")))
        self.write(self.issue("new.example"))
        self.assertTrue(self.shows(network, "new.example"))
        self.assertFalse(self.shows(network, "old.example"))

    def test_halfRenewed(self) -> None:
        """
        A certificate without its key is not used, and said so once; with its key, it
        is.
        """
        network, _ = self.listening(self.write(self.issue("old.example")))
        renewed = self.issue("new.example")
        Path(self.directory, "certificate.pem").write_bytes(renewed.certificate)
        for _ in range(2):
            self.assertTrue(self.shows(network, "old.example"))
        self.write(renewed)
        self.assertTrue(self.shows(network, "new.example"))

    def test_spoilt(self) -> None:
        """
        Files that are gone, or hold something else, change nothing.
        """
        files = self.write(self.issue("old.example"))
        network, _ = self.listening(files)
        for file, data in ((0, b"nonsense"), (1, b"nonsense"), (0, None), (1, None)):
            self.write(self.issue("new.example"))
            path = Path(files[file])
            path.unlink()
            if data is not None:
                path.write_bytes(data)
            self.assertTrue(self.shows(network, "old.example"))

    def test_log(self) -> None:
        """
        The reason is logged, once for each change.
        """
        files = self.write(self.issue("old.example"))
        creator = CertificateFiles(*files)
        Path(files[1]).write_bytes(b"nonsense")
        with capturedLogs() as events:
            for _ in range(3):
                self.assertIsInstance(creator.serverConnectionForTLS(None), SSL.Connection)
        (event,) = events
        self.assertIn("'key' must hold a private key", str(event["error"]))

    def test_refused(self) -> None:
        """
        At the start, what cannot be used is an error that says why.
        """
        issued, other = self.issue("a.example"), self.issue("b.example")
        certificate, key = self.write(issued)
        for name, data, words in (
            (
                "certificate.pem",
                None,
                f"'cert', {Path(certificate).absolute()}, cannot be read: No such file",
            ),
            ("certificate.pem", b"nonsense", "'cert' must hold certificates"),
            ("certificate.pem", bytes(2_000_000), "'cert' is too large"),
            ("key.pem", None, f"'key', {Path(key).absolute()}, cannot be read: No such file"),
            ("key.pem", issued.certificate, "'key' must hold a private key"),
            ("key.pem", other.key, "do not belong together"),
        ):
            self.write(issued)
            path = Path(self.directory, name)
            path.unlink()
            if data is not None:
                path.write_bytes(data)
            error = self.assertRaises(ConfigurationError, CertificateFiles, certificate, key)
            self.assertIn(words, str(error))

    def test_keyOfAnotherKind(self) -> None:
        """
        A key that TLS does not sign with is no key, be it there at the start or later.
        """
        certificate, key = self.write(self.issue("a.example"))
        creator = CertificateFiles(certificate, key)
        Path(key).write_bytes(
            X25519PrivateKey.generate().private_bytes(
                Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
            )
        )
        error = self.assertRaises(ConfigurationError, CertificateFiles, certificate, key)
        self.assertIn("'key' must hold a private key", str(error))
        with capturedLogs() as events:
            self.assertIsInstance(creator.serverConnectionForTLS(None), SSL.Connection)
        self.assertEqual(len(events), 1)

    def test_changedModeAlone(self) -> None:
        """
        A file that could not be read is tried again when its mode was mended, which
        is no change of what it holds.
        """
        certificate, key = self.write(self.issue("a.example"))
        creator = CertificateFiles(certificate, key)
        before = os.stat(key)
        while os.stat(key).st_ctime_ns == before.st_ctime_ns:  # clocks of files are coarse
            Path(key).write_bytes(b"x" * before.st_size)
            os.utime(key, ns=(before.st_atime_ns, before.st_mtime_ns))
        with capturedLogs() as events:
            creator.serverConnectionForTLS(None)
        self.assertEqual(len(events), 1)

    def negotiated(self, offered: list[bytes]) -> bytes:
        """
        :returns: the protocol that a client gets who offers these; and the handshake
            is done.
        """
        creator = CertificateFiles(*self.write(self.issue("a.example")))
        context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        context.set_alpn_protos(offered)
        client, server = SSL.Connection(context, None), creator.serverConnectionForTLS(None)
        client.set_connect_state()
        server.set_accept_state()
        for side, other in [(client, server), (server, client)] * 3:
            with contextlib.suppress(SSL.WantReadError):
                side.do_handshake()
            with contextlib.suppress(SSL.WantReadError):
                other.bio_write(side.bio_read(1 << 16))
        client.do_handshake()
        return client.get_alpn_proto_negotiated()

    def test_protocols(self) -> None:
        """
        Who offers none that there is gets none, and his connection all the same, as
        from other web servers.
        """
        self.assertEqual(self.negotiated([b"h2", b"http/1.1"]), b"http/1.1")
        self.assertEqual(self.negotiated([b"h2"]), b"")

    def test_chain(self) -> None:
        """
        Those that vouch for it are shown as well.
        """
        issued = self.issue("a.example")
        both = Issued(issued.certificate + authority().pem, issued.key)
        network, _ = self.listening(self.write(both))
        self.assertTrue(self.shows(network, "a.example"))
