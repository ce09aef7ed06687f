"""
Tests for ``pyptwist.doctor.torrc``.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pyptwist.addresses import HostPort
from pyptwist.doctor.torrc import Plugin, Torrc

TEXT = """
usebridges 1  # really
ClientTransportPlugin obfs4,b64 exec /opt/pt/bin/pyptwist --stack x=obfs4|b64 \\
    --stack=y=b64
ClientTransportPlugin other socks5 127.0.0.1:1080
ServerTransportPlugin obfs4 exec /usr/bin/obfs4proxy
ServerTransportListenAddr obfs4 0.0.0.0:443
ServerTransportListenAddr b64 nonsense
Bridge obfs4 192.0.2.7:443
Bridge 192.0.2.8:443
Bridge [2001:db8::1]:443
ClientTransportPlugin
"""


class TorrcTests(SynchronousTestCase):
    """
    Tests for ``Torrc``.
    """

    def test_parse(self) -> None:
        """
        What matters is found, in any case of letters.
        """
        torrc = Torrc.parse(TEXT)
        client, server = torrc.plugins
        self.assertEqual((client.role, client.names), ("client", ("obfs4", "b64")))
        self.assertEqual(client.program, "/opt/pt/bin/pyptwist")
        self.assertEqual(client.stacks, {"x": "obfs4|b64", "y": "b64"})
        self.assertEqual(server, Plugin("server", ("obfs4",), "/usr/bin/obfs4proxy"))
        self.assertEqual(torrc.external, ["other"])
        self.assertEqual(torrc.listening, {"obfs4": HostPort("0.0.0.0", 443), "b64": None})
        self.assertEqual(torrc.bridges, ["obfs4"])
        self.assertEqual(torrc.options["usebridges"], "1")

    def test_ours(self) -> None:
        """
        Our own program is known in each of its forms.
        """
        for program, *words in (
            ["/opt/pt/bin/pyptwist"],
            ["/opt/pt/bin/twistd", "pt"],
            ["/opt/pt/bin/python3", "-m", "pyptwist"],
            ["/usr/bin/env", "PYTHONPATH=/x", "/usr/bin/python3", "-m", "pyptwist"],
        ):
            self.assertTrue(Plugin("client", ("a",), program, tuple(words)).isOurs)
        for program, *words in (["/usr/bin/obfs4proxy"], ["/usr/bin/twistd", "web"]):
            self.assertFalse(Plugin("client", ("a",), program, tuple(words)).isOurs)
