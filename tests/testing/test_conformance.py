"""
Tests for ``pyptwist.testing.conformance`` and ``pyptwist.testing.endpoints``: what
is right passes, and what is wrong in one way fails the test for that.
"""

from __future__ import annotations

import os
import struct
from unittest import TestResult

from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.trial.unittest import SynchronousTestCase

from pyptwist.addresses import HostPort
from pyptwist.arguments import Arguments
from pyptwist.codec import READY, CodecFactory, Deliver, Effect, Finished, Transmit
from pyptwist.errors import PTError
from pyptwist.interfaces import Context
from pyptwist.testing import CodecConformance, EndpointConformance
from pyptwist.transports.dummy import Dummy
from tests.memory import Draining, Hello, HelloCodec, Slow, SlowCodec

#: The codecs in tests.memory take neither ``!`` nor ``~``.
PLAIN = bytes(set(range(256)) - set(b"!~")) * 23


class HelloTests(CodecConformance, EndpointConformance, SynchronousTestCase):
    method = Hello
    payload = PLAIN


class SlowTests(CodecConformance, EndpointConformance, SynchronousTestCase):
    method = Slow
    payload = PLAIN
    flushSeconds = 100.0


class DrainingTests(CodecConformance, EndpointConformance, SynchronousTestCase):
    method = Draining
    payload = PLAIN


class DummyTests(CodecConformance, EndpointConformance, SynchronousTestCase):
    method = Dummy


class BrokenCase(SynchronousTestCase):
    def failures(self, tested: type, *names: str) -> list[str]:
        """
        Run tests on a method, as its author would.

        :param names: of the tests.
        :returns: for each that does not pass, the last line of its report.
        """

        class Suite(CodecConformance, EndpointConformance, SynchronousTestCase):
            method = tested
            payload = PLAIN

        found = []
        for name in names:
            result = TestResult()
            Suite(name).run(result)
            self.assertEqual(result.testsRun, 1)
            reports = [text for _, text in result.failures + result.errors]
            found += [text.strip().splitlines()[-1] for text in reports[:1]]
        self.flushLoggedErrors()
        return found

    def assertBroken(self, codec: CodecFactory, *names: str) -> list[str]:
        """
        A codec, used on both sides, fails each of some tests.  Unless it fails
        that one, payload passes: the codec is wrong in the one way only.

        :returns: why.
        """

        class Broken(Hello):
            pass

        Broken.codec = codec
        if "test_payloadPasses" not in names:
            self.assertEqual(self.failures(Broken, "test_payloadPasses"), [])
        found = self.failures(Broken, *names)
        self.assertEqual(len(found), len(names), found)
        return found


class BrokenHandshakeTests(BrokenCase):
    def test_losesTrailingData(self) -> None:
        """
        Forgets what came together with the end of the handshake.
        """

        class Broken(HelloCodec):
            def _hello(self) -> bool:
                again = super()._hello()
                if self.isReady:
                    self.buffer.clear()
                return again

        self.assertBroken(Broken, "test_payloadBehindHandshake")
        # The other side's fault is found as well, whichever side it is.
        for side in ("clientCodec", "serverCodec"):
            arguments = (Broken, Arguments()) if side == "serverCodec" else Broken
            method = type("OneSide", (Hello,), {side: lambda *_, found=arguments: found})
            self.assertEqual(len(self.failures(method, "test_payloadBehindHandshake")), 1, side)

    def test_wantsOnePiece(self) -> None:
        """
        Takes a greeting in pieces for a wrong one.
        """

        class Broken(HelloCodec):
            def _hello(self) -> bool:
                self.buffer += bytes(max(0, 5 - len(self.buffer)))
                return super()._hello()

        self.assertBroken(Broken, "test_everyTwoWaySplit", "test_byteByByte")

    def test_raisesOnGarbage(self) -> None:
        """
        Answers garbage with an exception of Python's.
        """

        class Broken(HelloCodec):
            def _hello(self) -> bool:
                if len(self.buffer) >= 5:
                    bytes(self.buffer[:5]).decode("ascii")
                return super()._hello()

        for why in self.assertBroken(Broken, "test_garbage"):
            self.assertIn("UnicodeDecodeError", why)

    def test_raisesOnTamperedFrame(self) -> None:
        """
        The same, but only for garbage that looks like the real thing.
        """

        class Broken(HelloCodec):
            def encode(self, data: bytes) -> None:
                self.transmit(struct.pack("!I", len(data)) + data)

            def _stream(self) -> bool:
                if len(self.buffer) < 4:
                    return False
                [size] = struct.unpack_from("!I", self.buffer)
                if size > 1 << 16:
                    raise OverflowError
                if len(self.buffer) < 4 + size:
                    return False
                self.take(4)
                self.deliver(self.take(size))
                return True

        [why] = self.assertBroken(Broken, "test_tampering")
        self.assertIn("OverflowError", why)

    def test_readyTwice(self) -> None:
        class Broken(HelloCodec):
            def ready(self) -> None:
                super().ready()
                self.out.append(READY)

        [why] = self.assertBroken(Broken, "test_payloadPasses")
        self.assertIn("Ready came twice", why)

    def test_deliversTooEarly(self) -> None:
        class Broken(HelloCodec):
            def begin(self) -> None:
                super().begin()
                self.deliver(b"welcome")

        [why] = self.assertBroken(Broken, "test_payloadPasses")
        self.assertIn("Deliver came before Ready", why)

    def test_neverReady(self) -> None:
        """
        Both wait for the other to begin.
        """

        class Broken(HelloCodec):
            def begin(self) -> None:
                self.state = self._hello

        [why] = self.assertBroken(Broken, "test_payloadPasses")
        self.assertIn("no handshake", why)

    def test_sendsTooEarly(self) -> None:
        """
        Takes payload before there is anybody to send it to.
        """

        class Broken(HelloCodec):
            def send(self, data: bytes, now: float) -> list[Effect]:
                return super().send(data, now) if self.isReady else []

        self.assertBroken(Broken, "test_sendBeforeReady")

    def test_ownRandomness(self) -> None:
        """
        Takes its padding from the system.
        """

        class Broken(HelloCodec):
            def encode(self, data: bytes) -> None:
                self.transmit(data + os.urandom(8).hex().encode())

            def deliver(self, data: bytes) -> None:
                super().deliver(data[:-16])

        self.assertBroken(Broken, "test_deterministic")


class BrokenStreamTests(BrokenCase):
    def test_losesPayload(self) -> None:
        class Broken(HelloCodec):
            def deliver(self, data: bytes) -> None:
                super().deliver(data[:5000])

        self.assertBroken(Broken, "test_payloadPasses", "test_payload", "test_lastWords")

    def test_negativeBacklog(self) -> None:
        class Broken(HelloCodec):
            def encode(self, data: bytes) -> None:
                super().encode(data)
                self.backlog -= len(data)

        [why] = self.assertBroken(Broken, "test_payloadPasses")
        self.assertIn("the backlog is negative", why)

    def test_forgottenBacklog(self) -> None:
        """
        Counts what it holds back, and never what it sent.
        """

        class Broken(HelloCodec):
            def encode(self, data: bytes) -> None:
                super().encode(data)
                self.backlog += len(data)

        self.assertBroken(Broken, "test_payloadPasses", "test_endFlushes")

    def test_ignoresBackpressure(self) -> None:
        """
        Holds back whatever it gets, without saying so.
        """

        class Broken(SlowCodec):
            @property
            def backlog(self) -> int:
                return 0

            @backlog.setter
            def backlog(self, size: int) -> None:
                self.nextTimer = self.now + 1 if size else None

        for why in self.assertBroken(Broken, "test_slowClient", "test_slowServer"):
            self.assertIn("a slow reader must pause the writer", why)

    def test_keepsGarbage(self) -> None:
        """
        Reads on, in the hope that a greeting comes, and keeps it all.
        """

        class Broken(HelloCodec):
            maximumBuffer = 1 << 30

            def _hello(self) -> bool:
                place = self.buffer.find(b"hello")
                return place >= 0 and bool(self.take(place) + b"x") and super()._hello()

        self.assertBroken(Broken, "test_boundedBuffer")

    def test_keepsFrames(self) -> None:
        """
        Believes any length, and waits for the rest.
        """

        class Broken(HelloCodec):
            maximumBuffer = 1 << 30

            def encode(self, data: bytes) -> None:
                self.transmit(struct.pack("!I", len(data)) + data)

            def _stream(self) -> bool:
                if len(self.buffer) < 4:
                    return False
                [size] = struct.unpack_from("!I", self.buffer)
                if len(self.buffer) < 4 + size:
                    return False
                self.take(4)
                self.deliver(self.take(size))
                return True

        self.assertBroken(Broken, "test_boundedBuffer")


class BrokenEndTests(BrokenCase):
    def test_talksAfterFinished(self) -> None:
        """
        Has something to say when it is over.
        """

        class Broken(HelloCodec):
            def finish(self, error: PTError | None = None) -> None:
                super().finish(error)
                self.out.append(Transmit(b"bye"))

        for why in self.assertBroken(Broken, "test_garbage", "test_endFlushes"):
            self.assertIn("an effect came after Finished", why)

    def test_answersAfterFinished(self) -> None:
        """
        Ends quietly, but can be woken.
        """

        class Broken(HelloCodec):
            def receive(self, data: bytes, now: float) -> list[Effect]:
                return [Deliver(data)] if self.isFinished else super().receive(data, now)

        self.assertBroken(Broken, "test_silentAfterFinished")

    def test_timerAfterFinished(self) -> None:
        class Broken(HelloCodec):
            def finish(self, error: PTError | None = None) -> None:
                super().finish(error)
                self.nextTimer = self.now + 1

        self.assertBroken(Broken, "test_silentAfterFinished")

    def test_strangeError(self) -> None:
        """
        Finishes with an error that has no cause.
        """

        class Broken(HelloCodec):
            def failed(self, error: PTError) -> None:
                self.isFinished = True
                self.out.append(Finished(ValueError("wrong")))  # type: ignore[arg-type]

        self.assertBroken(Broken, "test_garbage")

    def test_neverFinishes(self) -> None:
        """
        Does not care that the peer is gone.
        """

        class Broken(HelloCodec):
            def endOfInput(self) -> None:
                pass

        self.assertBroken(Broken, "test_silentAfterFinished")
        [why] = self.assertBroken(Broken, "test_tampering")
        self.assertIn("the end of input must finish a codec", why)

    def test_losesLastWords(self) -> None:
        """
        Ends without sending what it held back.
        """

        class Broken(SlowCodec):
            def sendEnd(self, now: float) -> list[Effect]:
                self.finish()
                return super().sendEnd(now)

        self.assertBroken(Broken, "test_endFlushes", "test_lastWords")

    def test_earlyTimer(self) -> None:
        """
        Takes any call for the time to act.
        """

        class Broken(HelloCodec):
            def timerFired(self, now: float) -> list[Effect]:
                self.transmit(b"padding")
                return self._effects()

        self.assertBroken(Broken, "test_earlyTimer")

    def test_timerForEver(self) -> None:
        """
        Wants to be called again at once, always.
        """

        class Broken(SlowCodec):
            def timer(self) -> None:
                self.nextTimer = self.now

        [why] = self.assertBroken(Broken, "test_payloadPasses")
        self.assertIn("a timer fires for ever", why)

    def test_endlessTalk(self) -> None:
        """
        Answers each answer.
        """

        class Broken(HelloCodec):
            def _stream(self) -> bool:
                if self.buffer:
                    self.transmit(self.take(len(self.buffer)))
                return False

        [why] = self.assertBroken(Broken, "test_payloadPasses")
        self.assertIn("the codecs never come to rest", why)


class BrokenEndpointTests(BrokenCase):
    """
    Faults that only show around the codec.
    """

    def test_bareEndpoint(self) -> None:
        """
        Hands out the network connection instead of a transport connection.
        """

        class Bare(Dummy):
            def clientEndpoint(
                self, context: Context, target: HostPort | None, arguments: Arguments
            ) -> IStreamClientEndpoint:
                assert target is not None
                endpoint: IStreamClientEndpoint = context.network.clientEndpoint(
                    target.host, target.port
                )
                return endpoint

        self.assertEqual(len(self.failures(Bare, "test_transportConnection")), 1)

    def test_answersProbers(self) -> None:
        """
        Tells whoever fails that he did.
        """

        class Broken(HelloCodec):
            def failed(self, error: PTError) -> None:
                self.transmit(b"500 go away")
                super().failed(error)

        self.assertBroken(Broken, "test_prober")

    def test_keepsProbers(self) -> None:
        """
        Drains for ever.
        """

        class Broken(HelloCodec):
            def failed(self, error: PTError) -> None:
                self.drainUntil(self.now + 1e9, error)

        patient = {"codec": Broken, "serverHandshakeTimeout": 1e9}
        self.assertEqual(len(self.failures(type("M", (Hello,), patient), "test_prober")), 1)

    def test_waitsForEver(self) -> None:
        """
        Gives a silent server all the time in the world.
        """
        [why] = self.failures(
            type("M", (Hello,), {"clientHandshakeTimeout": 1e9}), "test_silentServer"
        )
        self.assertIn("the attempt never ends", why)

    def test_leaksTimer(self) -> None:
        """
        Leaves something to do when everything is over.
        """

        class Leaking(Hello):
            def clientCodec(self, context: Context, arguments: Arguments) -> CodecFactory:
                context.reactor.callLater(1e6, int)
                return super().clientCodec(context, arguments)

        for name in ("test_refused", "test_cancelBeforeConnect", "test_abort"):
            self.assertEqual(len(self.failures(Leaking, name)), 1, name)

    def test_wrongName(self) -> None:
        """
        Has another name on its connections.
        """

        class Misnamed(Hello):
            names = iter("abcdefgh")

            @property
            def name(self) -> str:  # type: ignore[override]
                return next(self.names)

        self.assertEqual(len(self.failures(Misnamed, "test_transportConnection")), 1)
