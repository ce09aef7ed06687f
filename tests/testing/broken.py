"""
Methods that are wrong in one way, and what finds out.
"""

from __future__ import annotations

from unittest import TestResult

from twisted.trial.unittest import SynchronousTestCase

from pyptwist.arguments import Arguments
from pyptwist.codec import CodecBase, CodecFactory
from pyptwist.crypto.dice import Entropy
from pyptwist.endpoints import CodecClientTransport, CodecServerTransport
from pyptwist.errors import AuthenticationFailed
from pyptwist.interfaces import Context
from pyptwist.strangers.silence import SilentServerCodec, drainSeconds
from pyptwist.testing import CodecConformance, EndpointConformance, fixedEntropy
from tests.memory import Hello

#: The codecs in tests.memory take neither ``!`` nor ``~``.
PLAIN = bytes(set(range(256)) - set(b"!~")) * 23

_NONCE = 16
_GREETING = b"hello"


def masker(nonce: bytes) -> Entropy:
    """
    :returns: a stream that goes with a nonce.
    """
    return fixedEntropy(nonce.hex())


def masked(data: bytes, stream: Entropy) -> bytes:
    """
    :returns: the same, as a censor sees it.
    """
    return bytes(a ^ b for a, b in zip(data, stream(len(data)), strict=True))


class MaskedCodec(CodecBase):
    """
    A nonce, and then all under its mask: a greeting, and payload.
    """

    maximumBuffer = 64 * 1024

    def __init__(self, nonce: bytes) -> None:
        super().__init__()
        self.nonce = nonce
        self.sending = masker(nonce)

    def greet(self) -> None:
        """
        Say the nonce and the greeting.
        """
        self.transmit(self.nonce + masked(_GREETING, self.sending))

    def _greeting(self) -> bool:
        if len(self.buffer) < _NONCE + len(_GREETING):
            return False
        self.receiving = masker(self.take(_NONCE))
        if masked(self.take(len(_GREETING)), self.receiving) != _GREETING:
            raise AuthenticationFailed()
        self.welcome()
        return True

    def welcome(self) -> None:
        """
        The peer's greeting was right.
        """
        self.state = self._stream
        self.ready()

    def _stream(self) -> bool:
        self.deliver(masked(self.take(len(self.buffer)), self.receiving))
        return False

    def encode(self, data: bytes) -> None:
        self.transmit(masked(data, self.sending))


class MaskedClient(MaskedCodec):
    """
    Speaks first.
    """

    def begin(self) -> None:
        self.greet()
        self.state = self._greeting


class MaskedServer(SilentServerCodec, MaskedCodec):
    """
    Says nothing to strangers.
    """

    def __init__(self, nonce: bytes, drain: float) -> None:
        super().__init__(nonce)
        self.drain = drain

    def begin(self) -> None:
        super().begin()
        self.state = self._greeting

    def welcome(self) -> None:
        self.greet()
        super().welcome()


class Masked(CodecClientTransport, CodecServerTransport):
    """
    The method of these codecs, which hides what it carries.
    """

    name = "masked"
    client = MaskedClient
    server = MaskedServer

    def clientCodec(self, context: Context, arguments: Arguments) -> CodecFactory:
        return lambda: self.client(context.entropy(_NONCE))

    def serverCodec(
        self, context: Context, arguments: Arguments
    ) -> tuple[CodecFactory, Arguments]:
        drain = drainSeconds(context.entropy)
        return lambda: self.server(context.entropy(_NONCE), drain), Arguments()


class BrokenCase(SynchronousTestCase):
    """
    Tests of tests.
    """

    def failures(self, tested: type, *names: str, isPlain: bool = True) -> list[str]:
        """
        Run tests on a method, as its author would.

        :param names: of the tests.
        :returns: for each that does not pass, the last line of its report.
        """

        class Suite(CodecConformance, EndpointConformance, SynchronousTestCase):
            method = tested
            payload = PLAIN
            plain = isPlain

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

    def assertFails(self, method: type, name: str, why: str = "", isPlain: bool = True) -> None:
        """
        A method fails a test.

        :param why: part of what is said about it.
        """
        [found] = self.failures(method, name, isPlain=isPlain) or ["it passed"]
        self.assertNotEqual(found, "it passed")
        self.assertIn(why, found)
