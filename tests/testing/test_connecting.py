"""
Tests for ``pyptwist.testing.connecting``: attempts that end badly.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import ConnectingCancelledError
from twisted.internet.interfaces import IProtocolFactory, IStreamClientEndpoint
from twisted.internet.protocol import Factory, Protocol
from zope.interface import implementer

from pyptwist.addresses import HostPort
from pyptwist.arguments import Arguments
from pyptwist.codec import CodecFactory
from pyptwist.interfaces import Context, IServerTransportEndpoint
from tests.memory import Hello
from tests.testing.broken import BrokenCase


@implementer(IStreamClientEndpoint)
class Wrapping:
    """
    An endpoint that changes how attempts begin and end.
    """

    def __init__(self, endpoint: IStreamClientEndpoint) -> None:
        self.endpoint = endpoint

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[Any]:
        return self.endpoint.connect(protocolFactory)


def wrapped(wrapping: type[Wrapping]) -> type:
    """
    :returns: a method whose client endpoints are wrapped.
    """

    class Broken(Hello):
        def clientEndpoint(
            self, context: Context, target: HostPort | None, arguments: Arguments
        ) -> IStreamClientEndpoint:
            return wrapping(super().clientEndpoint(context, target, arguments))

    return Broken


class BrokenAttemptTests(BrokenCase):
    def test_honest(self) -> None:
        """
        What is wrapped, and not changed, passes.
        """
        cancelled = ("test_cancelAfterConnect", "test_cancelInConnectionMade")
        names = (*cancelled, "test_refused", "test_noProtocol")
        self.assertEqual(self.failures(wrapped(Wrapping), *names), [])

    def test_deaf(self) -> None:
        """
        Goes on with what was cancelled.
        """

        class Deaf(Wrapping):
            def connect(self, protocolFactory: IProtocolFactory) -> Deferred[Any]:
                result: Deferred[Any] = Deferred()
                super().connect(protocolFactory).chainDeferred(result)
                return result

        for name in ("test_cancelBeforeConnect", "test_cancelAfterConnect"):
            self.assertFails(wrapped(Deaf), name)

    def test_halfDeaf(self) -> None:
        """
        Keeps the connection of an application that has cancelled it.
        """

        class HalfDeaf(Wrapping):
            def connect(self, protocolFactory: IProtocolFactory) -> Deferred[Any]:
                def cancel(result: Deferred[Any]) -> None:
                    result.errback(ConnectingCancelledError(None))

                def tell(outcome: Any) -> None:
                    if not result.called:
                        result.callback(outcome)

                result: Deferred[Any] = Deferred(cancel)
                super().connect(protocolFactory).addBoth(tell)
                return result

        self.assertFails(
            wrapped(HalfDeaf), "test_cancelInConnectionMade", "hear of the connection's end"
        )

    def test_otherCause(self) -> None:
        """
        Has one error for everything.
        """

        class Vague(Wrapping):
            def connect(self, protocolFactory: IProtocolFactory) -> Deferred[Any]:
                def vaguely(reason: object) -> None:
                    raise RuntimeError("it did not work")

                return super().connect(protocolFactory).addErrback(vaguely)

        self.assertFails(wrapped(Vague), "test_refused")

    def test_ownProtocol(self) -> None:
        """
        Builds something if the application does not.
        """

        class Stubborn(Wrapping):
            def connect(self, protocolFactory: IProtocolFactory) -> Deferred[Any]:
                class Builder(Factory):
                    def buildProtocol(self, addr: Any) -> Any:
                        return protocolFactory.buildProtocol(addr) or Protocol()

                return super().connect(Builder())

        self.assertFails(wrapped(Stubborn), "test_noProtocol")

    def test_stillListening(self) -> None:
        """
        Has a port that cannot be closed.
        """

        @implementer(IServerTransportEndpoint)
        class Endpoint:
            clientArguments = Arguments()

            def __init__(self, endpoint: Any) -> None:
                self.endpoint = endpoint

            def listen(self, factory: IProtocolFactory) -> Deferred[Any]:
                def keep(port: Any) -> Any:
                    port.stopListening = lambda: succeed(None)
                    return port

                listening: Deferred[Any] = self.endpoint.listen(factory)
                return listening.addCallback(keep)

        class Broken(Hello):
            def serverEndpoint(
                self, context: Context, bind: HostPort, arguments: Arguments
            ) -> IServerTransportEndpoint:
                return Endpoint(super().serverEndpoint(context, bind, arguments))

        self.assertFails(Broken, "test_stopListening")

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


class BrokenArgumentsTests(BrokenCase):
    def test_impossibleName(self) -> None:
        """
        Has a name that tor does not take.
        """
        self.assertFails(type("M", (Hello,), {"name": "hello-1"}), "test_interfaces", "hello-1")

    def test_wrongShape(self) -> None:
        """
        Lacks what a method must have.
        """
        self.assertFails(type("M", (Hello,), {"serverEndpoint": None}), "test_interfaces")

    def test_needsBackslashes(self) -> None:
        """
        Publishes what no bridge line can hold.
        """

        class Broken(Hello):
            def serverCodec(
                self, context: Context, arguments: Arguments
            ) -> tuple[CodecFactory, Arguments]:
                return self.codec, Arguments(key="AAAA==")

        self.assertFails(Broken, "test_interfaces", "clientArguments")

    def test_strangeError(self) -> None:
        """
        Falls over what the operator forgot, or over how it was written.
        """

        class Forgetful(Hello):
            def clientCodec(self, context: Context, arguments: Arguments) -> CodecFactory:
                assert dict(arguments.items())["greeting"]
                return self.codec

        class Careless(Hello):
            def clientCodec(self, context: Context, arguments: Arguments) -> CodecFactory:
                (arguments.get("greeting") or "").encode("ascii")
                return self.codec

        self.assertFails(Forgetful, "test_wrongArguments", "KeyError")
        self.assertFails(Careless, "test_wrongArguments", "UnicodeEncodeError")

    def test_dialsEarly(self) -> None:
        """
        Connects before it is told to.
        """

        class Broken(Hello):
            def clientCodec(self, context: Context, arguments: Arguments) -> CodecFactory:
                bridge = context.network.clientEndpoint("127.0.0.1", 443)
                bridge.connect(Factory.forProtocol(Protocol))
                return self.codec

        self.assertFails(Broken, "test_wrongArguments", "must not dial")

    def test_needsTarget(self) -> None:
        """
        Believes that there is always somebody to dial.
        """

        class Broken(Hello):
            def clientEndpoint(
                self, context: Context, target: Any, arguments: Arguments
            ) -> IStreamClientEndpoint:
                assert target.host
                return super().clientEndpoint(context, target, arguments)

        self.assertFails(Broken, "test_withoutTarget", "AttributeError")

    def test_needsState(self) -> None:
        """
        Believes that there is always a place for files.
        """

        class Broken(Hello):
            def serverCodec(
                self, context: Any, arguments: Arguments
            ) -> tuple[CodecFactory, Arguments]:
                context.stateDirectory.read("file")
                return super().serverCodec(context, arguments)

        self.assertFails(Broken, "test_withoutState", "AttributeError")

    def test_newAtEachStart(self) -> None:
        """
        Publishes something else each time.
        """

        class Broken(Hello):
            def serverCodec(
                self, context: Context, arguments: Arguments
            ) -> tuple[CodecFactory, Arguments]:
                return self.codec, Arguments(key=context.entropy(8).hex())

        self.assertFails(Broken, "test_restart", "stateDirectory")
