"""
Our child as a real process: what its parent hears.
"""

from __future__ import annotations

import stat
from collections.abc import Mapping

from twisted.trial.unittest import TestCase

import pyptwist
from pyptwist.registry import clientTransports
from pyptwist.testing.children import Child, Ended, spawn
from pyptwist.testing.destinations import echo, listen
from pyptwist.testing.environments import (
    baseEnvironment,
    freshDirectory,
    pyptwistCommand,
    twistdCommand,
)
from pyptwist.testing.processes import PTChild, launch, launchClient, launchServer
from pyptwist.testing.socksclient import SocksRefused, socksConnect
from pyptwist.testing.streams import payload, sha256, together
from pyptwist.testing.survivors import descendants
from tests.integration.variables import clientVariables, serverVariables

_STATUS = f"STATUS TYPE=version IMPLEMENTATION=pyptwist VERSION={pyptwist.__version__}"

#: Seconds in which an end must come.  A last resort would need three.
_SOON = 2.5

_CLEAN = Ended(0, None)


class Forms(TestCase):
    """
    ``twistd pt`` and ``pyptwist`` are the same thing.
    """

    def commands(self) -> list[list[str]]:
        return [twistdCommand(), pyptwistCommand()]

    async def test_client(self) -> None:
        """
        A client says its lines, and no others, until its end, which is clean.
        """
        for command in self.commands():
            child = await launchClient(self, command, ["dummy", "obfs4", "nonexistent"])
            child.closeInput()
            self.assertEqual(await child.whenEnded(_SOON), _CLEAN)
            dummy, obfs4 = child.method("dummy"), child.method("obfs4")
            self.assertEqual((dummy.protocol, obfs4.protocol), ("socks5", "socks5"))
            self.assertEqual(
                child.lines,
                [
                    "VERSION 1",
                    _STATUS,
                    dummy.line,
                    obfs4.line,
                    "CMETHOD-ERROR nonexistent"
                    " there is no transport method 'nonexistent' for this role;"
                    f" installed: {', '.join(sorted(clientTransports()))}",
                    "CMETHODS DONE",
                ],
            )

    async def test_server(self) -> None:
        """
        So does a server, which keeps its files to itself; it tells where it put
        its bridge lines.
        """
        for command in self.commands():
            state = freshDirectory(self)
            child = await launchServer(
                self, ["/bin/sh", "-c", 'umask 0; exec "$@"', "sh", *command],
                ("127.0.0.1", 1), ["dummy", "obfs4"], state=state,
            )  # fmt: skip
            await child.whenLine("^LOG SEVERITY=notice ")
            child.closeInput()
            self.assertEqual(await child.whenEnded(_SOON), _CLEAN)
            dummy, obfs4 = child.method("dummy"), child.method("obfs4")
            self.assertEqual(
                child.lines,
                [
                    "VERSION 1",
                    _STATUS,
                    dummy.line,
                    obfs4.line,
                    "SMETHODS DONE",
                    "LOG SEVERITY=notice"
                    f' MESSAGE="What clients need is in {state}/bridgelines.txt"',
                ],
            )
            lines = (state / "bridgelines.txt").read_text("ascii").splitlines()
            self.assertEqual(
                lines[-1],
                "Bridge obfs4 {}:{} <FINGERPRINT> cert={cert} iat-mode={iat-mode}".format(
                    *obfs4.address, **obfs4.arguments
                ),
            )
            self.assertEqual(stat.S_IMODE(state.stat().st_mode), 0o700)
            modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in state.iterdir()}
            self.assertEqual(set(modes.values()), {0o600}, modes)

    async def test_byHand(self) -> None:
        """
        Without a parent each says what to do, and fails.
        """
        for command in self.commands():
            child = spawn(self, Child("by hand"), command, baseEnvironment())
            self.assertEqual(await child.whenEnded(), Ended(1, None))
            self.assertEqual(child.lines, [])
            text = child.errors.decode()
            for part in ("ClientTransportPlugin obfs4 exec /", "demo", "bridge-line"):
                self.assertIn(part, text)

    async def test_advice(self) -> None:
        """
        What each says to put into torrc works as it stands, from anywhere and
        with hardly any environment.
        """
        for command in self.commands():
            child = spawn(self, Child("by hand"), command, baseEnvironment())
            await child.whenEnded()
            [advised] = [
                line.partition(" exec ")[2].split()
                for line in child.errors.decode().splitlines()
                if "ClientTransportPlugin" in line
            ]
            variables = clientVariables(freshDirectory(self))
            environment = {k: v for k, v in variables.items() if k.startswith("TOR_PT_")}
            environment["HOME"] = "/"
            advisee = spawn(self, PTChild("advised"), advised, environment, "/")
            await advisee.whenReady()

    async def test_wrongOption(self) -> None:
        """
        A parent is told of a mistake in the command line.
        """
        for command in self.commands():
            child = launch(self, [*command, "--what"], clientVariables(freshDirectory(self)))
            self.assertEqual(await child.whenEnded(), Ended(1, None))
            self.assertEqual(
                child.lines, ["ENV-ERROR the command line: option --what not recognized"]
            )

    async def test_data(self) -> None:
        """
        Data go through, in both forms at once.
        """
        data = payload(1 << 20)
        one, other = self.commands()
        for name in ("dummy", "obfs4"):
            server = await launchServer(self, one, listen(self, echo).address, [name])
            client = await launchClient(self, other, [name])
            bridge = server.method(name)
            stream = await socksConnect(
                self, client.method(name).address, bridge.address, bridge.arguments or None
            )
            _, digest = await together(stream.send(data), stream.digest(len(data)))
            self.assertEqual(digest, sha256(data))


class Surroundings(TestCase):
    """
    Where twistd would leave traces.
    """

    async def test_noTraces(self) -> None:
        """
        Two at once in one directory leave nothing there.
        """
        directory = freshDirectory(self)
        directory.mkdir(parents=True)
        children = [
            spawn(
                self,
                PTChild("child"),
                twistdCommand(),
                clientVariables(freshDirectory(self)),
                directory,
            )
            for _ in range(2)
        ]
        for child in children:
            await child.whenReady()
            self.assertEqual(descendants(child.pid), [])
        self.assertEqual(list(directory.iterdir()), [])

    async def test_unwritable(self) -> None:
        """
        The working directory need not be writable.
        """
        child = spawn(
            self,
            PTChild("child"),
            twistdCommand(),
            clientVariables(freshDirectory(self)),
            "/proc/self",
        )
        await child.whenReady()
        child.closeInput()
        self.assertEqual(await child.whenEnded(_SOON), _CLEAN)

    async def test_deafParent(self) -> None:
        """
        A parent that closes its end of our output does not stop us.
        """
        destination = listen(self, echo)
        client = await launchClient(self, twistdCommand(), ["dummy"])
        client.transport.closeStdout()
        address = client.method("dummy").address
        with self.assertRaises(SocksRefused):
            # Something for the log, too.
            await socksConnect(self, address, ("127.0.0.1", 1))
        stream = await socksConnect(self, address, destination.address)
        await stream.send(b"hello")
        self.assertEqual(await stream.read(5), b"hello")


class Errors(TestCase):
    """
    What is wrong with the environment is said in one line.
    """

    timeout = 120

    async def refused(self, variables: Mapping[str, str]) -> list[str]:
        """
        :returns: the lines of a child that ends by itself.
        """
        child = launch(self, pyptwistCommand(), variables)
        self.assertEqual(await child.whenEnded(), Ended(1, None))
        self.assertIn(child.lines[-1], child.errors.decode())
        return child.lines

    async def test_version(self) -> None:
        """
        A version that nobody speaks.
        """
        state = freshDirectory(self)
        lines = await self.refused(clientVariables(state, MANAGED_TRANSPORT_VER="1a,4"))
        self.assertEqual(lines, ["VERSION-ERROR no-version"])

    async def test_environment(self) -> None:
        """
        Variables that are missing, or contradict one another.
        """
        state = freshDirectory(self)
        for variables in (
            clientVariables(state, STATE_LOCATION=""),
            clientVariables(state, CLIENT_TRANSPORTS=""),
            clientVariables(state, SERVER_TRANSPORTS="dummy"),
            clientVariables(state, OUTBOUND_BIND_ADDRESS_V4="x"),
            serverVariables(state, SERVER_BINDADDR="dummy"),
            serverVariables(state, ORPORT=""),
            serverVariables(state, ORPORT="127.0.0.1"),
            serverVariables(state, EXTENDED_SERVER_PORT="127.0.0.1:5"),
            serverVariables(state, SERVER_TRANSPORT_OPTIONS="dummy"),
        ):
            lines = await self.refused(variables)
            self.assertEqual(lines[0], "VERSION 1")
            self.assertRegex(lines[1], "^ENV-ERROR .")
            self.assertEqual(len(lines), 2)

    async def test_proxy(self) -> None:
        """
        An upstream proxy that cannot be.
        """
        state = freshDirectory(self)
        lines = await self.refused(clientVariables(state, PROXY="gopher://192.0.2.1:70"))
        self.assertEqual(lines[0], "VERSION 1")
        self.assertRegex(lines[1], "^PROXY-ERROR .")
        self.assertNotIn("192.0.2.1", lines[1])

    async def test_proxyDone(self) -> None:
        """
        One that can is acknowledged, and nothing goes around it.
        """
        destination = listen(self, echo)
        client = await launchClient(
            self,
            pyptwistCommand(),
            ["dummy"],
            {"TOR_PT_PROXY": "socks5://user:secret@127.0.0.1:1"},
        )
        self.assertEqual(client.lines[2], "PROXY DONE")
        with self.assertRaises(SocksRefused):
            await socksConnect(self, client.method("dummy").address, destination.address)
        self.assertEqual(destination.streams, [])
        self.assertNotIn("secret", client.errors.decode() + "".join(client.lines))

    async def test_oneServerFails(self) -> None:
        """
        Of several methods, one that cannot listen does not stop the others, and
        its error shows no address.
        """
        taken = listen(self).address
        server = await launchServer(
            self,
            twistdCommand(),
            ("127.0.0.1", 1),
            ["dummy", "obfs4", "nonexistent"],
            environment={
                "TOR_PT_SERVER_BINDADDR": f"dummy-127.0.0.1:{taken[1]},obfs4-127.0.0.1:0"
            },
        )
        self.assertEqual(list(server.methods), ["obfs4"])
        self.assertIn("Address already in use", server.refused["dummy"])
        self.assertNotIn("127.0.0.1", server.refused["dummy"])
        self.assertIn("there is no transport method", server.refused["nonexistent"])

    async def test_badOptions(self) -> None:
        """
        Options that a method refuses are that method's error.
        """
        server = await launchServer(
            self,
            twistdCommand(),
            ("127.0.0.1", 1),
            ["dummy", "obfs4"],
            options={"obfs4": {"iat-mode": "7"}},
        )
        self.assertEqual(list(server.methods), ["dummy"])
        self.assertIn("iat-mode", server.refused["obfs4"])

    async def test_badState(self) -> None:
        """
        A state directory that cannot be made is the error of who needs it.
        """
        file = freshDirectory(self)
        file.write_text("in the way")
        server = await launchServer(
            self, twistdCommand(), ("127.0.0.1", 1), ["dummy", "obfs4"], state=file
        )
        self.assertEqual(list(server.methods), ["dummy"])
        self.assertIn("is not a directory", server.refused["obfs4"])
