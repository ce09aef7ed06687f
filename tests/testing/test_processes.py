"""
Tests for ``pyptwist.testing.processes`` and what belongs to it (``children``,
``survivors``, ``streams``, ``destinations``, ``socksclient``, ``environments``), mostly
with obfs4proxy at both ends.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import sysconfig

from twisted.internet.error import ConnectionRefusedError
from twisted.trial.unittest import SkipTest, TestCase

from pyptwist.testing.children import Child, ChildFailed, Ended, spawn
from pyptwist.testing.conversation import Method
from pyptwist.testing.destinations import echo, listen, sink, source
from pyptwist.testing.environments import (
    baseEnvironment,
    encodeServerOptions,
    freshDirectory,
    managedEnvironment,
    withPaths,
)
from pyptwist.testing.processes import PTChild, launch, launchClient, launchServer
from pyptwist.testing.socksclient import (
    SocksRefused,
    encodeSocksArguments,
    socksConnect,
    socksGreet,
)
from pyptwist.testing.streams import (
    UNREAD_CAP,
    Address,
    Stream,
    bounded,
    connect,
    payload,
    sha256,
    together,
)
from pyptwist.testing.survivors import descendants, witness
from tests.peers import requirePeer


class Obfs4Proxy(TestCase):
    """
    A client and a server of obfs4proxy.
    """

    async def bridge(self, orport: Address) -> Method:
        server = await launchServer(self, [requirePeer("obfs4proxy")], orport)
        return server.method("obfs4")

    async def through(self, orport: Address) -> Stream:
        bridge = await self.bridge(orport)
        client = await launchClient(self, [requirePeer("obfs4proxy")])
        proxy = client.method("obfs4")
        self.assertEqual(proxy.protocol, "socks5")
        return await socksConnect(self, proxy.address, bridge.address, bridge.arguments)

    async def test_echo(self) -> None:
        data = payload(4 << 20)
        stream = await self.through(listen(self, echo).address)
        _, digest = await together(stream.send(data), stream.digest(len(data)))
        self.assertEqual(digest, sha256(data))

    async def test_bothWays(self) -> None:
        up, down = payload(1 << 20, 1), payload(1 << 20, 2)
        destination = listen(self)
        stream = await self.through(destination.address)
        inner = await destination.accept()
        results = await together(
            stream.send(up, 1 << 20),
            inner.send(down, 1000),
            stream.digest(len(down)),
            inner.digest(len(up)),
        )
        self.assertEqual(results[2:], [sha256(down), sha256(up)])

    async def test_theEndArrives(self) -> None:
        data = payload(100_000)
        stream = await self.through(listen(self, source(data, 999)).address)
        self.assertEqual(await stream.readToEnd(), data)

    async def test_refusedArguments(self) -> None:
        client = await launchClient(self, [requirePeer("obfs4proxy")])
        proxy = client.method("obfs4").address
        with self.assertRaises(SocksRefused) as caught:
            await socksConnect(self, proxy, ("127.0.0.1", 1), {"cert": "x", "iat-mode": "0"})
        self.assertEqual(caught.exception.code, 1)

    async def test_serverOptions(self) -> None:
        options = {"node-id": "00" * 20, "private-key": "11" * 32, "drbg-seed": "22" * 24}
        server = await launchServer(
            self, [requirePeer("obfs4proxy")], ("127.0.0.1", 1), options={"obfs4": options}
        )
        cert = server.method("obfs4").arguments["cert"]
        self.assertTrue(cert.startswith("A" * 26), cert)

    async def test_methodRefused(self) -> None:
        peer = [requirePeer("obfs4proxy")]
        server = await launchServer(self, peer, ("127.0.0.1", 1), ["meek_lite", "obfs3"])
        self.assertEqual(server.method("obfs3").arguments, {})
        with self.assertRaisesRegex(ChildFailed, "server not supported"):
            server.method("meek_lite")

    async def test_environmentRefused(self) -> None:
        peer = [requirePeer("obfs4proxy")]
        environment = managedEnvironment(freshDirectory(self))
        environment["TOR_PT_SERVER_TRANSPORTS"] = "obfs4"
        environment["TOR_PT_SERVER_BINDADDR"] = ""
        with self.assertRaisesRegex(ChildFailed, "ENV-ERROR"):
            await launch(self, peer, environment).whenReady()

    async def test_inputEnds(self) -> None:
        client = await launchClient(self, [requirePeer("obfs4proxy")])
        self.assertIsNone(client.ended)
        client.closeInput()
        self.assertEqual(await client.whenEnded(5), Ended(0, None))


class Children(TestCase):
    """
    Processes of any kind.
    """

    def python(self, program: str) -> Child:
        command = [sys.executable, "-u", "-c", program]
        return spawn(self, Child("python"), command, baseEnvironment())

    async def test_lines(self) -> None:
        child = self.python("print('one'); print('two 2'); input(); print('three')")
        two = await child.whenLine(r"two (\d)")
        self.assertEqual(two.group(1), "2")
        self.assertEqual((await child.whenLine("one")).string, "one")
        child.closeInput()
        self.assertEqual(await child.whenEnded(), Ended(1, None))
        self.assertIn(b"EOFError", child.errors)
        with self.assertRaisesRegex(ChildFailed, "before a line like"):
            await child.whenLine("three")

    async def test_noSuchLine(self) -> None:
        child = self.python("input()")
        with self.assertRaisesRegex(TimeoutError, "a line like 'never'"):
            await child.whenLine("never", 0.1)

    async def test_deaf(self) -> None:
        """
        What ignores SIGTERM is killed, and gone afterwards.
        """
        child = self.python(
            "import signal; signal.signal(15, signal.SIG_IGN); print('up')\n"
            "while True: signal.pause()"
        )
        await child.whenLine("up")
        self.assertEqual(await child.stop(grace=0.2), Ended(None, signal.SIGKILL))
        self.assertRaises(ProcessLookupError, os.kill, child.pid, 0)
        self.assertEqual(await child.stop(), Ended(None, signal.SIGKILL))

    async def test_grandchildHoldsOutput(self) -> None:
        """
        The end is told although another process keeps the pipe open.
        """
        child = self.python(
            "import os\nif os.fork(): os._exit(3)\nprint(os.getpid()); import time; time.sleep(30)"
        )
        grandchild = int((await child.whenLine(r"^\d+$")).string)
        self.addCleanup(os.kill, grandchild, signal.SIGKILL)
        self.assertEqual(await child.whenEnded(5), Ended(3, None))

    async def test_witness(self) -> None:
        """
        A grandchild is found while its parent lives, and watched after that.
        """
        child = self.python(
            "import os, time\nif os.fork(): time.sleep(60)\nprint(os.getpid()); time.sleep(60)"
        )
        grandchild = int((await child.whenLine(r"^\d+$")).string)
        self.assertEqual(descendants(child.pid), [grandchild])
        gone = witness(self, grandchild)
        await child.stop()
        self.assertNoResult(gone)
        os.kill(grandchild, signal.SIGKILL)
        await bounded(gone, 5, "the end of the grandchild")

    async def test_witnessCleansUp(self) -> None:
        """
        The cleanup of a test kills what it has watched in vain.
        """
        child = self.python("input()")
        inner = TestCase()
        gone = witness(inner, child.pid)
        inner.doCleanups()
        self.assertEqual(await child.whenEnded(5), Ended(None, signal.SIGKILL))
        self.assertNoResult(gone)

    async def test_witnessTooLate(self) -> None:
        child = self.python("pass")
        await child.whenEnded()
        await witness(self, child.pid)

    def test_missingPeer(self) -> None:
        with self.assertRaisesRegex(SkipTest, "no-such-program is not installed"):
            requirePeer("no-such-program")


class Network(TestCase):
    """
    Streams and destinations without any process between.
    """

    async def test_sink(self) -> None:
        destination = listen(self, sink)
        stream = await connect(self, destination.address)
        await stream.send(b"x" * 100_000, 1000)
        stream.close()
        inner = await destination.accept()
        await inner.lost()
        self.assertEqual(inner.received, 100_000)

    async def test_neverReads(self) -> None:
        """
        Who does not read takes a bounded amount, and the writer notices.
        """
        destination = listen(self)
        stream = await connect(self, destination.address, patience=0.3)
        inner = await destination.accept()
        with self.assertRaises(TimeoutError):
            await stream.send(bytes(32 << 20))
        self.assertLess(inner.received, UNREAD_CAP + (1 << 17))

    async def test_reads(self) -> None:
        destination = listen(self, source(b"status\r\n\r\nbody"))
        stream = await connect(self, destination.address)
        self.assertEqual(await stream.readUntil(b"\r\n\r\n"), b"status\r\n\r\n")
        self.assertEqual(await stream.read(2), b"bo")
        self.assertEqual(await stream.readToEnd(), b"dy")
        with self.assertRaises(EOFError):
            await stream.read(1)

    async def test_patience(self) -> None:
        stream = await connect(self, listen(self).address, patience=0.1)
        with self.assertRaises(TimeoutError):
            await stream.read(1)

    async def test_togetherFails(self) -> None:
        """
        The first failure ends the rest.
        """
        destination = listen(self)
        idle = await connect(self, destination.address)
        ended = await connect(self, listen(self, source(b"")).address)
        with self.assertRaises(EOFError):
            await together(idle.read(1), ended.read(1))

    async def test_refused(self) -> None:
        port = listen(self)
        await port.stop()
        with self.assertRaises(ConnectionRefusedError):
            await connect(self, port.address)


class Environments(TestCase):
    """
    What children are started with.
    """

    def test_clean(self) -> None:
        """
        Nothing of a parent of ours is passed on.
        """
        self.patch(os, "environ", {"TOR_PT_PROXY": "socks5://127.0.0.1:1", "HOME": "/nowhere"})
        environment = baseEnvironment()
        environment.pop("PYTHONPATH", None)
        self.assertEqual(environment, {"HOME": "/nowhere"})

    def test_samePath(self) -> None:
        """
        A child imports from where we do, relative and missing entries apart, and
        in that order; this Python's own directories are left to it.
        """
        ours = freshDirectory(self)
        ours.mkdir()
        standard = sysconfig.get_path("stdlib")
        self.patch(sys, "path", [str(ours), "", "relative", "/no/such/place", standard])
        self.patch(os, "environ", {"PYTHONPATH": "/somewhere/else"})
        self.assertEqual(baseEnvironment(), {"PYTHONPATH": str(ours)})

    def test_morePaths(self) -> None:
        """
        More of them come first.
        """
        self.assertEqual(withPaths({"PYTHONPATH": "/a"}, "/b:/c"), {"PYTHONPATH": "/b:/c:/a"})
        self.assertEqual(withPaths({"HOME": "/"}, None), {"HOME": "/"})

    def test_noReactor(self) -> None:
        """
        Who imports the kit can still choose a reactor.
        """
        program = (
            "import sys, pyptwist.testing; sys.exit('twisted.internet.reactor' in sys.modules)"
        )
        command = [sys.executable, "-c", program]
        done = subprocess.run(command, env=baseEnvironment(), timeout=60, check=False)
        self.assertEqual(done.returncode, 0)


class Encodings(TestCase):
    """
    What the helpers write and read, compared with tor's own.
    """

    def test_socksArguments(self) -> None:
        encoded = encodeSocksArguments({"a": "b=c", "d": "e;f\\g"})
        self.assertEqual(encoded, r"a=b=c;d=e\;f\\g")

    async def test_tooLong(self) -> None:
        """
        tor takes no bridge line whose arguments SOCKS cannot carry.
        """
        stream = await connect(self, listen(self).address)
        with self.assertRaisesRegex(ValueError, "tor passes 510 on"):
            await socksGreet(stream, "k=" + "v" * 509)

    def test_serverOptions(self) -> None:
        encoded = encodeServerOptions({"x": {"a": "1", "b": "c:d;e\\f,g=h"}, "y": {"q": "2"}})
        self.assertEqual(encoded, r"x:a=1;x:b=c\:d\;e\\f,g=h;y:q=2")

    def test_reportedMethods(self) -> None:
        child = PTChild("child")
        child.outReceived(b"VERSION 1\nSMETHOD x [::1]:5 ARGS:a=b\\,c,d=e=f\nSMETHOD-ER")
        child.outReceived(b"ROR y no luck\nSMETHODS DONE\n")
        self.assertEqual(child.methods["x"].address, ("::1", 5))
        self.assertEqual(child.methods["x"].arguments, {"a": "b,c", "d": "e=f"})
        self.assertEqual(child.refused, {"y": "no luck"})
        self.assertTrue(child.conversation.done)
