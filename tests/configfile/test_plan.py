"""
Tests for ``pyptwist.configfile.plan``, with ``sections`` and ``tables``.
"""

from __future__ import annotations

import os
from typing import Any, Final

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pyptwist import limits
from pyptwist.addresses import HostPort
from pyptwist.arguments import Arguments
from pyptwist.configfile.plan import KEYS, Plan, exposure, parse, read
from pyptwist.configfile.tables import FileProblems
from pyptwist.configfile.writing import value
from pyptwist.ipc.configuration import ExtendedORPort, Mode, Role
from pyptwist.ipc.flowbounds import FlowBounds
from pyptwist.ipc.options import SERVER_ADDRESS
from pyptwist.proxies.upstream import UpstreamProxy

#: The least that can be said, by kind of section.
LEAST: Final[dict[str, dict[str, Any]]] = {
    "server": {"method": "obfs4", "listen": "192.0.2.1:443", "target": "127.0.0.1:80"},
    "client": {"method": "obfs4"},
}

_BRIDGE = "Bridge obfs4 192.0.2.1:443 cert=abc iat-mode=0"


def written(kind: str, *without: str, **more: Any) -> bytes:
    """
    :param without: keys of ``LEAST`` to leave out.
    :param more: more keys, with ``_`` for ``-``.
    :returns: a file with one section.
    """
    keys = {**LEAST[kind], **{key.replace("_", "-"): one for key, one in more.items()}}
    lines = [f"{key} = {value(one)}\n" for key, one in keys.items() if key not in without]
    return f"[[{kind}]]\n{''.join(lines)}".encode()


def parsed(text: str | bytes) -> Plan:
    return parse(text.encode() if isinstance(text, str) else text, "/etc/pt")


class ExposureTests(SynchronousTestCase):
    """
    Tests for ``exposure``.
    """

    def test_modes(self) -> None:
        """
        Who may read the file matters, and nothing is said of one that is not there.
        """
        path = self.mktemp()
        self.assertIsNone(exposure(path))
        with open(path, "w", encoding="utf-8"):
            pass
        for mode, isExposed in ((0o600, False), (0o640, False), (0o604, True), (0o644, True)):
            os.chmod(path, mode)
            self.assertEqual(exposure(path) is not None, isExposed, oct(mode))


class PlanCase(SynchronousTestCase):
    def problems(self, text: str | bytes) -> list[str]:
        """
        :returns: what is wrong with a file.
        """
        return list(self.assertRaises(FileProblems, parsed, text).problems)

    def assertWrong(self, text: str | bytes, *problems: str) -> None:
        self.assertEqual(self.problems(text), list(problems))


class TopTests(PlanCase):
    """
    What is not in a section.
    """

    def test_defaults(self) -> None:
        plan = parsed(written("client"))
        self.assertEqual(plan.state, "/etc/pt/state")
        self.assertEqual((plan.log.file, plan.log.level, plan.log.unsafe), (None, "info", False))
        self.assertEqual((plan.stacks, plan.exitOnStdinClose), ({}, False))

    def test_said(self) -> None:
        plan = parsed(
            b'state = "../lib/pt"\nexit-on-stdin-close = true\n'
            b'[log]\nfile = "pt.log"\nlevel = "debug"\nunsafe = true\n'
            b'[stacks]\nb64_obfs4 = "obfs4 | b64"\n' + written("client", method="b64_obfs4")
        )
        self.assertEqual(plan.state, "/etc/pt/../lib/pt")
        self.assertEqual(
            (plan.log.file, plan.log.level, plan.log.unsafe), ("/etc/pt/pt.log", "debug", True)
        )
        self.assertEqual(plan.stacks, {"b64_obfs4": "obfs4 | b64"})
        self.assertTrue(plan.exitOnStdinClose)
        self.assertEqual(
            plan.sections[0].configuration.stateLocation, "/etc/lib/pt/client-b64_obfs4"
        )

    def test_absolute(self) -> None:
        plan = parsed(b'state = "/var/lib/pt"\nlog.file = "/var/log/pt"\n' + written("client"))
        self.assertEqual((plan.state, plan.log.file), ("/var/lib/pt", "/var/log/pt"))

    def test_nothing(self) -> None:
        self.assertWrong("", "there is neither a [[server]] nor a [[client]]")

    def test_wrong(self) -> None:
        """
        Each line of a file that has a client, and what is said of it.
        """
        for line, problem in {
            'state = ""': "state: this must not be empty",
            "state = 1": "state: this must be a string",
            'state = "a\\u0000b"': "state: this must not hold NUL",
            "exit-on-stdin-close = 1": "exit-on-stdin-close: this must be true or false",
            "log = 1": "log: this must be a table",
            'log.level = "inof"': "[log], level: this must be one of debug, info, warn, error; "
            "is info meant?",
            "log.unsafe = 'yes'": "[log], unsafe: this must be true or false",
            "stacks = []": "stacks: this must be a table",
            "stacks.x = 'obfs4'": "[stacks], x: a stack is written as 'obfs4 | b64', the layer "
            "nearest the wire last; there must be two layers or more",
            "stacks.x = 1": "[stacks], x: this must be a string",
            "server = {}": "server: this must be written as [[server]]",
            "server = [1]": "server: this must be written as [[server]]",
        }.items():
            self.assertWrong(f"{line}\n".encode() + written("client"), problem)

    def test_notTOML(self) -> None:
        """
        The place is named, if that is known.
        """
        for data, problem in (
            (b"a = 1\nb = \n", "this is not TOML: Invalid value (at line 2, column 5)"),
            (b"a = 1\n\xff\n", "this is not UTF-8 (at line 2)"),
            (b"a=" + b"[" * 20000, "this is not TOML that can be read"),
            (b"a=" + b"1" * 5000, "this is not TOML that can be read"),
            (
                b"#" * (limits.CONFIGURATION_FILE + 1),
                f"there are more than {limits.CONFIGURATION_FILE} bytes",
            ),
        ):
            self.assertWrong(data, problem)

    def test_mark(self) -> None:
        """
        What Windows' editors write is read.
        """
        data = b"\xef\xbb\xbf" + written("client").replace(b"\n", b"\r\n")
        self.assertEqual(len(parsed(data).sections), 1)

    def test_unreadable(self) -> None:
        for path, problem in (
            (self.mktemp(), "it cannot be read: No such file or directory"),
            ("/", "it cannot be read: Is a directory"),
            ("a\0b", "this is no path"),
        ):
            error = self.assertRaises(FileProblems, read, path)
            self.assertEqual(error.problems, (problem,))

    def test_read(self) -> None:
        """
        Relative paths start from the file's directory.
        """
        directory = os.path.abspath(self.mktemp())
        os.mkdir(directory)
        with open(os.path.join(directory, "pt.toml"), "wb") as file:
            file.write(written("client"))
        self.assertEqual(read(os.path.relpath(file.name)).state, os.path.join(directory, "state"))


class TypoTests(PlanCase):
    """
    Each key, misspelt.
    """

    def test_each(self) -> None:
        for table, keys in KEYS.items():
            for known in keys:
                wrong = known[:-1] + "x" if len(known) < 4 else known[:-2] + known[-1]
                header = "" if table == "[[client]]" or not table else f"{table}\n"
                if table == "[[client]]":
                    text = written("client") + f"{wrong} = 1\n".encode()
                else:
                    text = f"{header}{wrong} = 1\n".encode() + written("client")
                where = f"{table} 1, " if table.startswith("[[") else f"{table}, " * bool(table)
                found = [one for one in self.problems(text) if "no such key" in one]
                expected = f"{where}{wrong}: there is no such key; is {known} meant?"
                self.assertEqual(found, [expected])

    def test_nothingSimilar(self) -> None:
        self.assertWrong(written("client", zzz=1), "[[client]] 1, zzz: there is no such key")

    def test_terminal(self) -> None:
        """
        A key steers no terminal.
        """
        text = b'"\\u001b[31m' + b"y" * 100 + b'" = 1\n'
        (problem,) = self.problems(text + written("client"))
        self.assertEqual(problem, f"?[31m{'y' * 75}: there is no such key")

    def test_several(self) -> None:
        """
        All that is wrong is told at once.
        """
        text = b"staet = 1\n" + written("server", "method", lisen=1) + written("client", mode="x")
        self.assertWrong(
            text,
            "staet: there is no such key; is state meant?",
            "[[server]] 1, lisen: there is no such key; is listen meant?",
            "[[server]] 1, method: this is missing",
            "[[client]] 1, mode: this must be one of socks5, transparent-TCP, transparent-UDP, "
            "STUN",
        )


class ServerTests(PlanCase):
    def test_least(self) -> None:
        (section,) = parsed(written("server")).sections
        wanted = section.configuration
        self.assertEqual((section.name, section.method), ("server-obfs4", "obfs4"))
        self.assertTrue(section.isServer)
        self.assertEqual((wanted.role, wanted.mode), (Role.SERVER, Mode.SOCKS5))
        self.assertEqual(wanted.stateLocation, "/etc/pt/state/server-obfs4")
        self.assertEqual(wanted.binds, {"obfs4": HostPort("192.0.2.1", 443)})
        self.assertEqual(wanted.options, {"obfs4": Arguments()})
        self.assertEqual(wanted.target, HostPort("127.0.0.1", 80))
        self.assertFalse(wanted.hasParent)

    def test_all(self) -> None:
        (section,) = parsed(
            written(
                "server",
                name="main",
                mode="transparent-TCP",
                target=["localhost:1", "[::1]:2"],
                options={"decoy": "192.0.2.9:80", "n": 1, "b": True, "l": ["x"]},
                state="../keys",
            )
        ).sections
        wanted = section.configuration
        self.assertEqual((section.name, wanted.mode), ("main", Mode.TRANSPARENT_TCP))
        self.assertEqual(wanted.stateLocation, "/etc/keys")
        self.assertEqual(wanted.target, HostPort("localhost", 1))
        self.assertEqual(wanted.otherTargets, (HostPort("::1", 2),))
        self.assertEqual(
            wanted.options["obfs4"],
            Arguments(decoy="192.0.2.9:80", n=1, b=True, l=["x"]),
        )

    def test_extended(self) -> None:
        for ports, cookies in (
            ("127.0.0.1:1", "one"),
            (["127.0.0.1:1", "127.0.0.1:2"], ["one", "/run/two"]),
        ):
            text = written("server", "target", extended_orport=ports, cookie=cookies)
            wanted = parsed(text).sections[0].configuration
            self.assertEqual(
                wanted.extendedORPorts,
                (
                    ExtendedORPort(HostPort("127.0.0.1", 1), "/etc/pt/one"),
                    ExtendedORPort(HostPort("127.0.0.1", 2), "/run/two"),
                )[: len(wanted.extendedORPorts)],
            )
            self.assertEqual(len(wanted.extendedORPorts), 1 if isinstance(ports, str) else 2)

    def test_wrong(self) -> None:
        port = "127.0.0.1:1"
        for text, *problems in (
            (written("server", "method"), "method: this is missing"),
            (written("server", "listen"), "listen: this is missing"),
            (written("server", "target"), "target: this is missing"),
            (written("server", method=""), "method: this must not be empty"),
            (
                written("server", method="obfs4|b64"),
                "method: this must be a method's name; stacks of methods get one in [stacks]",
            ),
            (
                written("server", name="../x"),
                "name: this must be of letters, digits, '_', '-', and '.', up to 100",
            ),
            (
                written("server", listen="example.org:1"),
                "listen: an IP address is needed here, not a host name",
            ),
            (written("server", listen=443), "listen: this must be a string"),
            (written("server", target=[]), "target: this must not be empty"),
            (
                written("server", target=[1]),
                "target: this must be a string, or an array of strings",
            ),
            (
                written("server", target="127.0.0.1:0"),
                "target: a port must be between 1 and 65535",
            ),
            (written("server", options=1), "options: this must be a table"),
            (written("server", proxy="socks5://127.0.0.1:1"), "proxy: there is no such key"),
            (
                written("server", extended_orport=port, cookie="x"),
                "extended-orport: this and target exclude each other",
            ),
            (written("server", cookie="x"), "cookie: this means nothing without extended-orport"),
            (
                written("server", "target", extended_orport=port),
                "cookie: there must be a file for each extended-orport",
            ),
            (
                written("server", "target", extended_orport=port, cookie="x", mode="STUN"),
                "extended-orport: there is none in the mode STUN",
            ),
            (
                written("server", target=["127.0.0.1:1", "127.0.0.1:2"], mode="transparent-UDP"),
                "target: there is one in the mode transparent-UDP",
            ),
        ):
            self.assertWrong(text, *(f"[[server]] 1, {problem}" for problem in problems))

    def test_optionsThatAreNoJSON(self) -> None:
        for literal in ("1979-05-27", "07:32:00", "nan", "-inf", "[1979-05-27]"):
            text = written("server") + f"[server.options]\nwhen = {literal}\n".encode()
            self.assertWrong(
                text,
                "[[server]] 1, options.when: dates, times, nan and inf have no meaning in options",
            )


class ClientTests(PlanCase):
    def test_least(self) -> None:
        (section,) = parsed(written("client")).sections
        wanted = section.configuration
        self.assertEqual((section.name, section.isServer), ("client-obfs4", False))
        self.assertEqual((wanted.role, wanted.mode), (Role.CLIENT, Mode.SOCKS5))
        self.assertEqual(wanted.listen, HostPort("127.0.0.1", 0))
        self.assertEqual(section.server, (None, Arguments()))

    def test_all(self) -> None:
        (section,) = parsed(
            written(
                "client",
                mode="STUN",
                listen="[::1]:1080",
                server="example.org:443",
                options={"cert": "abc"},
                proxy="socks5://192.0.2.7:1080",
                outbound_ipv4="192.0.2.3",
                outbound_ipv6="2001:db8::1",
            )
        ).sections
        wanted = section.configuration
        self.assertEqual((wanted.mode, wanted.listen), (Mode.STUN, HostPort("::1", 1080)))
        self.assertEqual(wanted.target, HostPort("example.org", 443))
        self.assertEqual(
            section.server, (HostPort("example.org", 443), Arguments({"cert": "abc"}))
        )
        self.assertEqual(wanted.upstreamProxy, UpstreamProxy.parse("socks5://192.0.2.7:1080"))
        self.assertEqual((wanted.outboundV4, wanted.outboundV6), ("192.0.2.3", "2001:db8::1"))

    def test_serverForSocks(self) -> None:
        """
        In the mode socks5 it is one of the options, which come before what
        applications say.
        """
        for text in (
            written("client", server="192.0.2.1:443", options={"cert": "abc", "iat-mode": "0"}),
            written("client", "method", bridge=_BRIDGE),
            written("client", bridge=_BRIDGE),
            written(
                "client",
                options={SERVER_ADDRESS: "192.0.2.1:443", "cert": "abc", "iat-mode": "0"},
            ),
        ):
            (section,) = parsed(text).sections
            self.assertIsNone(section.configuration.target)
            target, arguments = section.server
            self.assertEqual(target, HostPort("192.0.2.1", 443))
            self.assertEqual(dict(arguments.items()), {"cert": "abc", "iat-mode": "0"})

    def test_wrong(self) -> None:
        for text, problem in (
            (written("client", "method"), "method: this is missing"),
            (
                written("client", bridge="obfs4"),
                "bridge: a bridge line must begin with a transport method's name and an address, "
                "as in: Bridge obfs4 192.0.2.1:443",
            ),
            (
                written("client", method="obfs3", bridge=_BRIDGE),
                "method: this is another one than the bridge line's",
            ),
            (
                written("client", bridge=_BRIDGE, server="192.0.2.1:1"),
                "bridge: this and server exclude each other",
            ),
            (
                written("client", bridge=_BRIDGE, options={"cert": "x"}),
                "options.cert: the bridge line says it, too",
            ),
            (
                written("client", bridge=_BRIDGE, options={SERVER_ADDRESS: "192.0.2.1:1"}),
                "options.serverAddress: the server is named elsewhere, too",
            ),
            (
                written("client", proxy="ftp://192.0.2.1:1"),
                None,
            ),
            (
                written("client", outbound_ipv4="::1"),
                "outbound-ipv4: this must be an IPv4 address",
            ),
            (
                written("client", outbound_ipv6="192.0.2.1"),
                "outbound-ipv6: this must be an IPv6 address",
            ),
            (written("client", cookie="x"), "cookie: there is no such key"),
        ):
            found = self.problems(text)
            if problem is not None:
                self.assertEqual(found, [f"[[client]] 1, {problem}"])
            else:
                self.assertEqual(len(found), 1)
                self.assertTrue(found[0].startswith("[[client]] 1, proxy: "), found)
                self.assertNotIn("192.0.2.1", found[0])


class DistinctTests(PlanCase):
    """
    Several sections.
    """

    def test_flows(self) -> None:
        """
        Bounds in the modes of datagrams, and there alone.
        """
        more = {"flow-queue": 0, "flow-idle": 60, "flow-maximum": 9}
        udp = {**more, "mode": "transparent-UDP"}
        [section] = parsed(written("client", **udp)).sections
        self.assertEqual(section.configuration.flows, FlowBounds(0, 60, 9))
        [section] = parsed(written("server", mode="STUN", **{"flow-idle": 9})).sections
        self.assertEqual(section.configuration.flows, FlowBounds(idle=9))
        self.assertWrong(
            written("client", **more),
            *(f"[[client]] 1, {key}: there are no flows in the mode socks5" for key in more),
        )
        self.assertWrong(
            written("client", **{**udp, "flow-queue": True, "flow-idle": "9", "flow-maximum": 0}),
            "[[client]] 1, flow-queue: this must be a whole number",
            "[[client]] 1, flow-idle: this must be a whole number",
            "[[client]] 1, flow-maximum: this must be between 1 and 65536",
        )

    def test_order(self) -> None:
        names = [s.name for s in parsed(written("client") + written("server")).sections]
        self.assertEqual(names, ["server-obfs4", "client-obfs4"])

    def test_same(self) -> None:
        other = {"listen": "192.0.2.1:444", "name": "b"}
        for more, problems in (
            ({}, ["name", "state", "listen"]),
            ({"name": "b"}, ["listen"]),
            (other, []),
            ({**other, "state": "state/server-obfs4/"}, ["state"]),
        ):
            text = written("server") + written("server", **more)
            expected = [
                f"[[server]] 2, {key}: this is the same as [[server]] 1's" for key in problems
            ]
            if expected:
                self.assertWrong(text, *expected)
            else:
                self.assertEqual(len(parsed(text).sections), 2)

    def test_systemd(self) -> None:
        """
        Where systemd listens, it is not the address that tells servers apart.
        """
        text = b"".join(
            written("server", name=name, options={"systemd-socket": name}) for name in "ab"
        )
        self.assertEqual(len(parsed(text).sections), 2)

    def test_udp(self) -> None:
        """
        UDP's ports are others than TCP's; and those of the kernel's choice differ.
        """
        stacks = b'[stacks]\nover = "obfs4|kcp"\n'
        for method in ("kcp", "over"):
            first = written("server", name="udp", method=method)
            self.assertEqual(len(parsed(stacks + first + written("server")).sections), 2)
            self.assertWrong(
                stacks + first + written("server") + written("server", name="c", method=method),
                "[[server]] 3, listen: this is the same as [[server]] 1's",
            )
        text = written("client", listen="192.0.2.1:443", mode="STUN", name="udp")
        self.assertEqual(len(parsed(written("server") + text).sections), 2)
        text = written("client", listen="127.0.0.1:0") + written("client", name="b")
        self.assertEqual(len(parsed(text).sections), 2)


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.sampled_from(["127.0.0.1:1"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*KEYS[""], *KEYS["[[client]]"]]) | st.text(), inner)
    ),
    max_leaves=6,
)


def _toml(data: Any) -> str:
    try:
        return value(data)
    except ValueError:
        return "1979-05-27"


class GarbageTests(PlanCase):
    """
    Whatever the file holds, either it is read or its problems are told.
    """

    def attempt(self, data: bytes) -> None:
        try:
            plan = parse(data, "/etc/pt")
        except FileProblems as error:
            self.assertNotEqual(error.problems, ())
            for problem in error.problems:
                self.assertTrue(problem.isprintable(), problem)
        else:
            self.assertNotEqual(plan.sections, ())

    @given(st.binary())
    def test_bytes(self, data: bytes) -> None:
        self.attempt(data)

    @given(st.dictionaries(st.sampled_from(KEYS[""]) | st.text(), _VALUES))
    def test_top(self, data: dict[str, Any]) -> None:
        text = "".join(f"{_toml(key)} = {_toml(one)}\n" for key, one in data.items())
        self.attempt(text.encode("utf-8", "replace"))

    @given(
        st.sampled_from(["server", "client"]),
        st.dictionaries(st.sampled_from([*KEYS["[[server]]"], *KEYS["[[client]]"]]), _VALUES),
    )
    def test_section(self, kind: str, data: dict[str, Any]) -> None:
        text = "".join(f"{_toml(key)} = {_toml(one)}\n" for key, one in data.items())
        self.attempt(f"[[{kind}]]\n{text}".encode("utf-8", "replace"))
