"""
A package of somebody else's: one method, made of one codec, and one plugin file.
"""

from __future__ import annotations

import os
import sys
from itertools import cycle
from textwrap import dedent
from typing import Final

from twisted.trial.unittest import TestCase

from pyptwist.testing.children import Child, Ended, spawn
from pyptwist.testing.destinations import echo, listen
from pyptwist.testing.environments import baseEnvironment, freshDirectory, twistdCommand
from pyptwist.testing.processes import launchClient, launchServer
from pyptwist.testing.socksclient import SocksRefused, socksConnect
from pyptwist.testing.streams import payload
from pyptwist.testing.wiretap import Tap

_METHOD: Final = '''
    """
    mask: each byte is XORed with the next byte of a key that both sides know.
    """

    from pyptwist.arguments import Arguments
    from pyptwist.codec import CodecBase
    from pyptwist.endpoints import CodecClientTransport, CodecServerTransport

    KEY = 16


    class Masker:
        def __init__(self, key):
            self.key, self.place = key, 0

        def __call__(self, data):
            count = len(data)
            mask = (self.key * (count // KEY + 2))[self.place : self.place + count]
            self.place = (self.place + count) % KEY
            return (int.from_bytes(data) ^ int.from_bytes(mask)).to_bytes(count)


    class MaskCodec(CodecBase):
        def __init__(self, key):
            super().__init__()
            self.outgoing, self.incoming = Masker(key), Masker(key)

        def begin(self):
            self.state = self.stream
            self.ready()

        def encode(self, data):
            self.transmit(self.outgoing(data))

        def stream(self):
            self.deliver(self.incoming(self.take(len(self.buffer))))
            return False


    class Mask(CodecClientTransport, CodecServerTransport):
        name = "mask"

        def clientCodec(self, context, arguments):
            key = arguments.hexadecimal("key", KEY)
            return lambda: MaskCodec(key)

        def serverCodec(self, context, arguments):
            key = arguments.hexadecimal("key", KEY)
            return lambda: MaskCodec(key), Arguments(key=key.hex())
'''

_PLUGIN: Final = """
    from pyptwist.registry import TransportPlugin

    mask = TransportPlugin("mask", client="mask.Mask", server="mask.Mask")
"""

_TESTS: Final = """
    from mask import Mask
    from pyptwist.arguments import Arguments
    from pyptwist.testing import CodecConformance, EndpointConformance
    from twisted.trial.unittest import SynchronousTestCase

    class MaskTests(CodecConformance, EndpointConformance, SynchronousTestCase):
        method = Mask
        serverArguments = Arguments(key="00112233445566778899aabbccddeeff")
        plain = True
"""

_USE: Final = """
    from pyptwist.registry import clientTransports, serverTransports
    from twisted.internet import reactor
    from twisted.internet.endpoints import clientFromString

    print(*("mask" in found() for found in (clientTransports, serverTransports)))
    clientFromString(reactor, "pt:mask:127.0.0.1:9:key=00112233445566778899aabbccddeeff")
"""

_KEY: Final = "00112233445566778899aabbccddeeff"


class ThirdPartyTests(TestCase):
    """
    It is found, tested and used by what pyptwist offers to everybody.
    """

    def setUp(self) -> None:
        self.package = freshDirectory(self)
        self.plugin = self.package / "twisted" / "plugins" / "mask_plugin.py"
        self.plugin.parent.mkdir(parents=True)
        self.plugin.write_text(dedent(_PLUGIN))
        (self.package / "mask.py").write_text(dedent(_METHOD).lstrip())
        (self.package / "test_mask.py").write_text(dedent(_TESTS))
        paths = [baseEnvironment().get("PYTHONPATH"), str(self.package)]
        self.path = {"PYTHONPATH": os.pathsep.join(filter(None, paths))}

    async def python(self, *arguments: str) -> Child:
        """
        :returns: the interpreter, which has run the package's code well.
        """
        command = [sys.executable, *arguments]
        environment = baseEnvironment() | self.path
        child = spawn(self, Child("python"), command, environment, self.package)
        ended = await child.whenEnded()
        self.assertEqual(ended, Ended(0, None), [*child.lines, child.errors.decode()])
        return child

    async def test_conformance(self) -> None:
        """
        Less than ten lines make it pass all that a method must.
        """
        lines = [line for line in _TESTS.splitlines() if line.strip()]
        self.assertLess(len(lines), 10)
        trial = await self.python("-m", "twisted.trial", "test_mask")
        self.assertRegex(trial.lines[-1], r"^PASSED \(successes=[2-9]\d\)$")

    async def test_discovered(self) -> None:
        """
        The registry and the endpoint strings know it.
        """
        child = await self.python("-c", dedent(_USE))
        self.assertEqual(child.lines, ["True True"])

    async def test_underTwistd(self) -> None:
        """
        A bare ``twistd pt`` carries data with it, both ways, masked.
        """
        destination = listen(self, echo).address
        server = await launchServer(
            self, twistdCommand(), destination, ["mask"], {"mask": {"key": _KEY}}, self.path
        )
        client = await launchClient(self, twistdCommand(), ["mask"], self.path)
        bridge, proxy = server.method("mask"), client.method("mask").address
        self.assertEqual(bridge.arguments, {"key": _KEY})
        tap = Tap(self, bridge.address)
        stream = await socksConnect(self, proxy, tap.address, bridge.arguments)
        data = payload(100_000)
        await stream.send(data)
        self.assertEqual(await stream.read(len(data)), data)
        masked = bytes(a ^ b for a, b in zip(data, cycle(bytes.fromhex(_KEY)), strict=False))
        self.assertEqual((tap.toServer, tap.toClient), (masked, masked))
        for arguments in (None, {"key": "00"}):
            with self.assertRaises(SocksRefused):
                await socksConnect(self, proxy, tap.address, arguments)
        self.assertEqual(len(tap.streams), 1)

    async def test_withoutKey(self) -> None:
        """
        What it says about an option that is missing is what the parent hears.
        """
        server = await launchServer(
            self, twistdCommand(), ("127.0.0.1", 1), ["mask"], environment=self.path
        )
        self.assertIn("key", server.refused["mask"])

    async def test_removed(self) -> None:
        """
        Without its plugin file it is not known any more, to nobody's harm.
        """
        first = await launchClient(self, twistdCommand(), ["mask", "dummy"], self.path)
        self.assertEqual(sorted(first.methods), ["dummy", "mask"])
        self.plugin.unlink()
        second = await launchClient(self, twistdCommand(), ["mask", "dummy"], self.path)
        self.assertEqual(list(second.methods), ["dummy"])
        self.assertEqual(list(second.refused), ["mask"])
