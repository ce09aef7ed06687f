"""
Tests for ``pyptwist.transports.replicant``: the method, its codec, and its kinds.
"""

from __future__ import annotations

import re
from typing import Any

from twisted.internet.error import ConnectionDone
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from pyptwist import limits
from pyptwist.addresses import HostPort
from pyptwist.arguments import JSON, Arguments
from pyptwist.codec import CodecBase
from pyptwist.configfile.plan import parse
from pyptwist.errors import ConfigurationError
from pyptwist.interfaces import Context, ICodec
from pyptwist.ipc.dialects import OptionsForm
from pyptwist.ipc.options import located, parseOptions
from pyptwist.testing import CodecConformance, EndpointConformance
from pyptwist.testing.endpointcase import SETTLE
from pyptwist.transports.dummy import DummyCodec
from pyptwist.transports.replicant import kinds
from pyptwist.transports.replicant.codec import ReplicantCodec
from pyptwist.transports.replicant.interfaces import IPolish
from pyptwist.transports.replicant.kinds import (
    addToneburst,
    polishNamed,
    toneburstNamed,
)
from pyptwist.transports.replicant.method import LowerReplicant, Replicant
from pyptwist.transports.replicant.starburst import SmtpClient
from tests.transports.shadow.test_options import BIND, ShadowCase
from tests.transports.shadow.vectors import NEW_PRIVATE, NEW_PUBLIC, OLD_PRIVATE, OLD_PUBLIC

ADDRESS = "127.0.0.1:443"
BOTH = Arguments(toneburst="Starburst", polish="DarkStar")

#: Files as shapeshifter-dispatcher has them.
SERVER_FILE = """{
    "serverAddress": "127.0.0.1:1234",
    "toneburst": {"mode": "SMTPServer"},
    "polish": {"serverAddress": "192.0.2.7:7", "serverPrivateKey": "%s"},
    "transport": "replicant"
}"""
CLIENT_FILE = """{
    "serverAddress": "127.0.0.1:1234",
    "toneburst": {"type": "Starburst", "mode": "SMTPClient"},
    "polish": {"serverPublicKey": "%s"},
    "transport": "Replicant"
}"""

TOML = """
[[server]]
method = "Replicant"
listen = "127.0.0.1:1234"
target = "127.0.0.1:9"

[server.options]
serverAddress = "127.0.0.1:1234"
toneburst = {mode = "SMTPServer"}

[server.options.polish]
serverPrivateKey = "%s"

[[client]]
method = "Replicant"

[client.options]
serverAddress = "127.0.0.1:1234"
toneburst = {type = "Starburst", mode = "SMTPClient"}
polish = {serverPublicKey = "%s"}
"""

_ANSWER = re.compile(rb"(?:[0-9]{3}[ -][^\r\n]+\r\n)*")


class SmtpCover(EndpointConformance):
    """
    ``EndpointConformance``, where strangers are answered as mail servers do.
    """

    def test_prober(self) -> None:
        """
        He reaches no application, hears an SMTP server, and is not kept for ever.
        """
        garbage = bytes(range(256)) * 20
        for data in (b"", b"EHLO x\r\n", b"GET / HTTP/1.1\r\n\r\n", garbage, b"x" * 70_000):
            self.forget()
            stranger = self.stranger()
            assert stranger.transport is not None
            stranger.transport.write(data)
            self.network.pump(SETTLE)
            self.assertEqual(self.servers.built, [])
            self.assertTrue(_ANSWER.fullmatch(bytes(stranger.received)))
            self.assertTrue(bytes(stranger.received).splitlines()[-1].startswith(b"421 "))
            [reason] = stranger.lost
            self.assertTrue(reason.check(ConnectionDone))
            self.assertAtRest()

    def test_strangersTLS(self) -> None:
        """
        Who gets as far as TLS hears nothing more, as from any DarkStar's server.
        """
        stranger = self.stranger()
        assert stranger.transport is not None
        stranger.transport.write(b"EHLO x\r\nSTARTTLS\r\n")
        self.network.pump()
        self.assertTrue(stranger.received.endswith(b"220 Go ahead\r\n"))
        said = bytes(stranger.received)
        stranger.transport.write(b"\x16\x03\x01\x02\x00" + bytes(512))
        self.network.pump(limits.SILENT_HANDSHAKE)
        self.assertEqual(bytes(stranger.received), said)
        self.assertEqual(stranger.lost, [])
        self.network.pump(limits.SILENT_SPREAD + 1)
        self.assertEqual(bytes(stranger.received), said)
        self.assertEqual(len(stranger.lost), 1)
        self.assertEqual(self.servers.built, [])
        self.assertAtRest()

    def test_fiveMinutes(self) -> None:
        """
        The reference's peers end after five minutes, whatever passes.  Ours do not.
        """
        client, server = self.connected()
        self.network.pump(1000)
        client.transport.write(b"still here")
        self.network.pump()
        self.assertEqual(bytes(server.received), b"still here")
        client.transport.loseConnection()
        self.assertAtRest()


class TestBoth(CodecConformance, SynchronousTestCase):
    method = Replicant
    serverArguments = BOTH.updated(Arguments(serverAddress=ADDRESS))


class TestBothEndpoints(SmtpCover, SynchronousTestCase):
    method = Replicant
    serverArguments = BOTH


class TestPolish(CodecConformance, SynchronousTestCase):
    method = Replicant
    serverArguments = Arguments(polish="DarkStar", serverAddress=ADDRESS)


class TestToneburst(CodecConformance, SynchronousTestCase):
    method = LowerReplicant
    serverArguments = Arguments(toneburst="starburst")
    plain = True


class TestNothing(EndpointConformance, SynchronousTestCase):
    method = LowerReplicant
    plain = True


class FileTests(ShadowCase):
    """
    Both sides from shapeshifter-dispatcher's files.
    """

    method = Replicant

    def read(self, text: str) -> Arguments:
        return parseOptions(text, OptionsForm.JSON, ["Replicant"])["Replicant"]

    def check(self, private: str, public: str) -> None:
        self.serve(self.read(SERVER_FILE % private))
        client = self.read(CLIENT_FILE % public)
        self.connects(None, client)
        self.connects(*located(client, None))
        sent = bytes(self.network.connections[-1][0].sent)
        self.assertTrue(sent.startswith(b"EHLO mail.imc.org\r\nSTARTTLS\r\n"))

    def test_keychain(self) -> None:
        self.check(NEW_PRIVATE, NEW_PUBLIC)

    def test_compact(self) -> None:
        self.check(OLD_PRIVATE, OLD_PUBLIC)

    def test_toml(self) -> None:
        """
        Tables in our own file say the same.
        """
        plan = parse((TOML % (NEW_PRIVATE, NEW_PUBLIC)).encode(), "/")
        served, dialled = (section.configuration for section in plan.sections)
        self.serve(served.options["Replicant"])
        self.connects(*located(dialled.clientOptions["Replicant"], None))

    def test_published(self) -> None:
        """
        What bridge lines can hold, and what means the same.
        """
        needed = self.serve(self.read(SERVER_FILE % NEW_PRIVATE))
        self.assertEqual(
            dict(needed.texts()),
            {
                "toneburst": "Starburst",
                "polish": "DarkStar",
                "serverPublicKey": NEW_PUBLIC,
                "serverAddress": "127.0.0.1:1234",
            },
        )
        self.connects(BIND, needed)

    def test_keyAlone(self) -> None:
        """
        A key is for a polish.
        """
        needed = self.serve(Arguments(serverPrivateKey=NEW_PRIVATE, toneburst=None))
        self.assertEqual(needed.get("polish"), "DarkStar")
        self.assertNotIn("toneburst", needed)
        self.connects(BIND, needed.without("polish"))
        self.assertFalse(self.network.connections[-1][0].sent.startswith(b"EHLO"))

    def test_innerAddress(self) -> None:
        """
        The polish's own address counts where there is no other.
        """
        self.serve(self.read(SERVER_FILE % NEW_PRIVATE))
        polish: JSON = {"serverAddress": "127.0.0.1:1234", "serverPublicKey": NEW_PUBLIC}
        arguments = Arguments(toneburst={"mode": "SMTPClient"}, polish=polish)
        make = self.method().clientCodec(self.context, arguments)
        self.assertTrue(ICodec.providedBy(make()))

    def test_generated(self) -> None:
        """
        Files as shapeshifter-dispatcher's generator writes them, if it is told no address
        to bind.
        """
        server = self.read(SERVER_FILE % NEW_PRIVATE)
        client = self.read(CLIENT_FILE % NEW_PUBLIC)
        for name in ("starbridge", ""):
            toneburst: JSON = {"type": name, "mode": "SMTPServer"}
            for empty in ("", None):
                change = Arguments({"toneburst": toneburst, "bindAddress": empty})
                self.serve(server.updated(change))
                self.port.stopListening()
        self.serve(server)
        toneburst = {"type": "starbridge", "mode": "SMTPClient"}
        self.connects(BIND, client.updated(Arguments(toneburst=toneburst)))

    def test_wrong(self) -> None:
        good = self.read(CLIENT_FILE % NEW_PUBLIC)
        changes: list[tuple[dict[str, JSON], str]] = [
            ({"toneburst": {"mode": "SMTPServer"}}, "SMTPClient"),
            ({"toneburst": {"mode": "POP3"}}, "SMTPClient"),
            ({"toneburst": {"type": "Monotone"}}, "Starburst"),
            ({"toneburst": "Monotone"}, "Starburst"),
            ({"toneburst": ["Starburst"]}, "toneburst"),
            ({"toneburst": ""}, "toneburst"),
            ({"polish": "Silver"}, "DarkStar"),
            ({"polish": 7}, "polish"),
            ({"polish": {}}, "serverPublicKey"),
            ({"transport": "shadow"}, "transport"),
        ]
        for change, said in changes:
            with self.assertRaisesRegex(ConfigurationError, said):
                self.dial(BIND, good.updated(Arguments(change)))

    def test_plainByMistake(self) -> None:
        """
        An option that is not there, such as a misspelt one or a file of PT 2's, does not
        mean that nothing is encrypted.
        """
        for change in ({"polsh": "DarkStar"}, {"config": "P/+BAwEB"}):
            for toneburst in ({}, {"toneburst": "Starburst"}):
                wrong = Arguments({**toneburst, **change})
                with self.assertRaisesRegex(ConfigurationError, next(iter(change))):
                    self.dial(BIND, wrong)
                with self.assertRaisesRegex(ConfigurationError, next(iter(change))):
                    self.serve(wrong)

    def test_wrongServer(self) -> None:
        with self.assertRaisesRegex(ConfigurationError, "SMTPServer"):
            self.serve(Arguments(toneburst={"mode": "SMTPClient"}))


class _Knock(CodecBase):
    """
    A toneburst of one word each way.
    """

    def __init__(self, word: bytes) -> None:
        super().__init__()
        self._word = word
        self.state = self._listening

    def begin(self) -> None:
        self.transmit(self._word)

    def _listening(self) -> bool:
        if len(self.buffer) < 4:
            return False
        self.take(4)
        self.state = self._idle
        self.ready()
        return False

    def _idle(self) -> bool:
        return False

    def rest(self) -> bytes:
        return self.take(len(self.buffer))


class _Knocks:
    name = "Knock"
    clientMode = serverMode = "Any"

    def client(self, context: Context) -> Any:
        return lambda: _Knock(b"knck")

    def server(self, context: Context) -> Any:
        return lambda: _Knock(b"come")


class KindTests(ShadowCase):
    method = Replicant

    def test_more(self) -> None:
        """
        Others can be added, and are used like the one that is there.
        """
        self.patch(kinds, "_tonebursts", dict(kinds._tonebursts))
        addToneburst(_Knocks())  # type: ignore[arg-type]
        self.assertEqual(toneburstNamed("KNOCK").name, "Knock")
        needed = self.serve(Arguments(toneburst={"type": "knock"}, polish="darkstar"))
        self.assertEqual(needed.get("toneburst"), "Knock")
        self.connects(BIND, needed)
        self.assertTrue(self.network.connections[-1][1].sent.startswith(b"come"))

    def test_polish(self) -> None:
        verifyObject(IPolish, polishNamed("DARKSTAR"))


class CodecTests(SynchronousTestCase):
    def test_rest(self) -> None:
        """
        Bytes behind the toneburst's end are the next codec's, however they come.
        """
        answers = b"220 a SMTP service ready\r\n", b"250 STARTTLS\r\n", b"220 Go ahead\r\n"
        for rest in (b"", b"payload"):
            codec = ReplicantCodec(SmtpClient(), DummyCodec())
            codec.start(0.0)
            effects = codec.receive(b"".join(answers) + rest, 0.0)
            names = [type(effect).__name__ for effect in effects]
            self.assertEqual(names, ["Transmit", "Ready", *(["Deliver"] if rest else [])])
            self.assertIsNone(codec.nextTimer)

    def test_timer(self) -> None:
        codec = ReplicantCodec(SmtpClient(), DummyCodec())
        codec.start(0.0)
        self.assertEqual(codec.nextTimer, limits.SMTP_ANSWER)
        self.assertEqual(len(codec.timerFired(limits.SMTP_ANSWER)), 1)


class PlainTests(ShadowCase):
    """
    Without a toneburst and a polish there is nothing.
    """

    method = Replicant

    def test_plain(self) -> None:
        needed = self.serve(Arguments())
        self.assertEqual(needed, Arguments())
        client = self.successResultOf(self.dial(BIND, needed))
        client.transport.write(b"hello")
        self.network.pump()
        self.assertEqual(bytes(self.network.connections[-1][0].sent), b"hello")

    def test_everywhere(self) -> None:
        endpoint = self.method().serverEndpoint(self.context, HostPort("0.0.0.0", 0), BOTH)
        self.assertEqual(endpoint.clientArguments.get("handshakeAddress"), "0.0.0.0:0")
