"""
Methods that pass in memory, and are wrong as processes.
"""

from __future__ import annotations

import os
import subprocess

from twisted.internet.address import IPv4Address
from twisted.logger import Logger

from pyptwist.arguments import Arguments
from pyptwist.codec import CodecFactory
from pyptwist.connection import CodecConnection
from pyptwist.errors import ConfigurationError, HandshakeFailed
from pyptwist.interfaces import Context
from pyptwist.transports.dummy import Dummy, DummyCodec

_KEY = "0123456789abcdef"
_NOBODY = IPv4Address("TCP", "192.0.2.1", 9)


class Changing(Dummy):
    """
    Carries something else.
    """

    name = "changing"

    class Codec(DummyCodec):
        """
        Loses the last byte of each write.
        """

        def encode(self, data: bytes) -> None:
            self.transmit(data[:-1] + b"?")

    def clientCodec(self, context: Context, arguments: Arguments) -> CodecFactory:
        return self.Codec


class Talkative(Dummy):
    """
    Logs its key.
    """

    name = "talkative"

    def serverCodec(
        self, context: Context, arguments: Arguments
    ) -> tuple[CodecFactory, Arguments]:
        Logger().info("the key is {key}", key=_KEY)
        return DummyCodec, Arguments(key=_KEY)


class Failing(Dummy):
    """
    Ends with an error.
    """

    name = "failing"

    def serverCodec(
        self, context: Context, arguments: Arguments
    ) -> tuple[CodecFactory, Arguments]:
        context.reactor.addSystemEventTrigger("after", "shutdown", os._exit, 3)
        return super().serverCodec(context, arguments)


class Leaving(Dummy):
    """
    Starts a process that stays.
    """

    name = "leaving"

    def serverCodec(
        self, context: Context, arguments: Arguments
    ) -> tuple[CodecFactory, Arguments]:
        nothing = subprocess.DEVNULL
        subprocess.Popen(["/bin/sleep", "60"], stdin=nothing, stdout=nothing, stderr=nothing)
        return super().serverCodec(context, arguments)


class Faceless(Dummy):
    """
    Does not know where its clients come from.
    """

    name = "faceless"

    def serverCodec(
        self, context: Context, arguments: Arguments
    ) -> tuple[CodecFactory, Arguments]:
        CodecConnection.getPeer = lambda self: _NOBODY  # type: ignore[method-assign]
        return super().serverCodec(context, arguments)


class Forgetful(Dummy):
    """
    Has another key each time.
    """

    name = "forgetful"

    def serverCodec(
        self, context: Context, arguments: Arguments
    ) -> tuple[CodecFactory, Arguments]:
        return DummyCodec, Arguments(key=context.entropy(8).hex())


class Careless(Dummy):
    """
    Writes files by itself.
    """

    name = "careless"

    def serverCodec(
        self, context: Context, arguments: Arguments
    ) -> tuple[CodecFactory, Arguments]:
        assert context.stateDirectory is not None
        context.stateDirectory.create()
        with open(context.stateDirectory.path("careless"), "w", encoding="ascii") as file:
            file.write(_KEY)
        return super().serverCodec(context, arguments)


class Lax(Dummy):
    """
    Needs a key, and does not ask for it.
    """

    name = "lax"

    def serverCodec(
        self, context: Context, arguments: Arguments
    ) -> tuple[CodecFactory, Arguments]:
        return DummyCodec, Arguments(key=_KEY)


class Late(Lax):
    """
    Asks for it when it is too late.
    """

    name = "late"

    class Codec(DummyCodec):
        """
        Without a key.
        """

        def begin(self) -> None:
            self.finish(HandshakeFailed("there is no key"))

    def clientCodec(self, context: Context, arguments: Arguments) -> CodecFactory:
        return DummyCodec if "key" in arguments else self.Codec


class Escaping(Dummy):
    """
    Publishes what cannot be in a bridge line.
    """

    name = "escaping"

    def serverCodec(
        self, context: Context, arguments: Arguments
    ) -> tuple[CodecFactory, Arguments]:
        return DummyCodec, Arguments(key="a,b")

    def clientCodec(self, context: Context, arguments: Arguments) -> CodecFactory:
        if not arguments:
            raise ConfigurationError("key is missing")
        return DummyCodec


class Fragile(Dummy):
    """
    Ends the process over a wrong option.
    """

    name = "fragile"

    def serverCodec(
        self, context: Context, arguments: Arguments
    ) -> tuple[CodecFactory, Arguments]:
        if arguments:
            os._exit(4)
        return super().serverCodec(context, arguments)
