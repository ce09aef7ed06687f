"""
Tests for ``pyptwist.main``, ``pyptwist.command`` and ``pyptwist.guidance``.
"""

from __future__ import annotations

import os
import sys

from twisted.trial.unittest import SynchronousTestCase

import pyptwist
from pyptwist import bridgefile
from pyptwist.addresses import HostPort
from pyptwist.arguments import Arguments
from pyptwist.guidance import guidance
from pyptwist.main import main
from pyptwist.state import StateDirectory
from pyptwist.transports.obfs4.identity import STATE_FILE, Identity
from tests.launched import LaunchedCase

_ID = "0123456789ABCDEF0123456789ABCDEF01234567"


class MainCase(LaunchedCase):
    """
    Command lines without a parent.
    """

    def run_(self, *arguments: str) -> object:
        """
        :returns: the exit code: None and 0 are success, a text is printed.
        """
        self.outputs.seek(0)
        self.outputs.truncate()
        self.patch(sys, "argv", ["/usr/bin/pyptwist", *arguments])
        try:
            main()
        except SystemExit as exit_:
            return exit_.code
        return None


class MainTests(MainCase):
    """
    Tests for ``main``.
    """

    def test_version(self) -> None:
        """
        It knows its version.
        """
        self.assertEqual(self.run_("--version"), 0)
        self.assertEqual(self.outputs.getvalue(), f"pyptwist {pyptwist.__version__}\n")

    def test_versions(self) -> None:
        """
        So do its commands.
        """
        self.assertEqual(self.run_("check", "--version"), 0)
        self.assertEqual(self.outputs.getvalue(), f"pyptwist {pyptwist.__version__}\n")

    def test_help(self) -> None:
        """
        The help names options and commands.
        """
        self.assertEqual(self.run_("--help"), 0)
        for text in ("--log-file", "bridge-line", "demo"):
            self.assertIn(text, self.outputs.getvalue())

    def test_nothing(self) -> None:
        """
        Without a parent it says what to do.
        """
        self.assertEqual(self.run_(), 1)
        self.assertIn("ServerTransportPlugin obfs4 exec /", self.errors.getvalue())

    def test_wrong(self) -> None:
        """
        What is wrong with a command line is said in a sentence, with a way on.
        """
        self.assertEqual(
            self.run_("--what"),
            "pyptwist: option --what not recognized\nTry: pyptwist --help",
        )
        self.assertEqual(
            self.run_("bridge-line", "--what"),
            "pyptwist: option --what not recognized\nTry: pyptwist bridge-line --help",
        )
        self.assertIn("Unknown command: what", str(self.run_("what")))

    def test_flagsAndCommand(self) -> None:
        """
        To serve is one thing, and a command another.
        """
        for arguments in (["-client", "list"], ["-transports", "x", "bridge-line", "--state=x"]):
            self.assertEqual(self.run_(*arguments), 64)
            self.assertIn(
                f"ENV-ERROR the command line: {arguments[0]} and a command exclude each other\n",
                self.errors.getvalue(),
            )
        self.assertEqual(self.parent.heard(), [])

    def test_claims(self) -> None:
        """
        Standard output is taken over before anything can print to it, if it is to
        be the parent's, and not otherwise.
        """
        self.run_("-client", "-trasport", "x")
        self.assertGreaterEqual(self.claims, 1)
        self.claims = 0
        self.run_("--version")
        self.run_("bridge-line", "--state", "x")
        self.assertEqual(self.claims, 0)

    def test_launched(self) -> None:
        """
        A parent hears what is wrong.
        """
        self.launch()
        self.assertIn("--what", str(self.run_("--what")))
        self.assertEqual(
            self.parent.heard(), ["ENV-ERROR the command line: option --what not recognized"]
        )


class BridgeLineTests(MainCase):
    """
    Tests for ``pyptwist bridge-line``.
    """

    def setUp(self) -> None:
        super().setUp()
        self.state = os.path.join(self.mktemp(), "pt_state")

    def write(self, *entries: bridgefile.Entry) -> None:
        StateDirectory(self.state).write(bridgefile.FILE, bridgefile.compose(entries))

    def entry(self, name: str = "obfs4", host: str = "0.0.0.0") -> bridgefile.Entry:
        return bridgefile.Entry.listening(name, HostPort(host, 443), None, Arguments(cert="A"))

    def lines(self, *arguments: str) -> list[str]:
        """
        :returns: what is printed.
        """
        code = self.run_("bridge-line", "--state", self.state, *arguments)
        self.assertIsNone(code)
        return self.outputs.getvalue().splitlines()

    def test_asItIs(self) -> None:
        """
        Without more, it is what the server wrote, and what is missing is said.
        """
        self.write(self.entry())
        self.assertEqual(self.lines(), ["Bridge obfs4 <IP ADDRESS>:443 <FINGERPRINT> cert=A"])
        self.assertIn("--address", self.errors.getvalue())

    def test_complete(self) -> None:
        """
        What is missing can be given.
        """
        self.write(self.entry())
        self.assertEqual(
            self.lines("--address", "192.0.2.1:8443", "--fingerprint", _ID),
            [f"Bridge obfs4 192.0.2.1:8443 {_ID} cert=A"],
        )
        self.assertEqual(self.errors.getvalue(), "")

    def test_method(self) -> None:
        """
        One method can be chosen among several.
        """
        self.write(self.entry(), self.entry("dummy", "192.0.2.1"))
        self.assertEqual(len(self.lines()), 2)
        self.assertEqual(
            self.lines("--method=dummy"), ["Bridge dummy 192.0.2.1:443 <FINGERPRINT> cert=A"]
        )
        self.assertIn(
            "there is no such bridge line",
            str(self.run_("bridge-line", "--state", self.state, "--method=nix")),
        )

    def test_keysOnly(self) -> None:
        """
        The state of an obfs4proxy will do: the directory, or the file.
        """
        identity = Identity.fresh(os.urandom)
        StateDirectory(self.state).write(STATE_FILE, identity.toState())
        expected = [f"Bridge obfs4 192.0.2.1:443 {_ID} cert={identity.cert} iat-mode=0"]
        more = ("--address=192.0.2.1:443", f"--fingerprint={_ID}")
        self.assertEqual(self.lines(*more), expected)
        self.state = os.path.join(self.state, STATE_FILE)
        self.assertEqual(self.lines(*more), expected)

    def test_nothingThere(self) -> None:
        """
        Without any of these there is nothing to print.
        """
        self.assertIn("--state is needed", str(self.run_("bridge-line")))
        StateDirectory(self.state).create()
        for state in (self.state, self.mktemp()):
            self.assertIn("there is neither", str(self.run_("bridge-line", "--state", state)))

    def test_wrong(self) -> None:
        """
        A bad address or fingerprint is refused.
        """
        self.write(self.entry())
        for more in ("--address=bridge.example.org:443", "--fingerprint=12"):
            self.assertIn("pyptwist: ", str(self.run_("bridge-line", "--state", self.state, more)))
            self.assertEqual(self.outputs.getvalue(), "")


class GuidanceTests(SynchronousTestCase):
    """
    Tests for ``guidance``.
    """

    def setUp(self) -> None:
        self.patch(os, "environ", {})
        self.bin = os.path.abspath(self.mktemp())
        os.mkdir(self.bin)
        self.executable = os.path.join(self.bin, "pyptwist")

    def install(self) -> None:
        with open(self.executable, "w", encoding="ascii") as file:
            file.write("#!\n")
        os.chmod(self.executable, 0o755)

    def test_twistd(self) -> None:
        """
        Who ran twistd gets lines with twistd, by its absolute path.
        """
        self.install()
        text = guidance(f"{self.bin}/twistd")
        self.assertIn(f"ClientTransportPlugin obfs4 exec {self.bin}/twistd pt\n", text)
        self.assertIn(f"ServerTransportPlugin obfs4 exec {self.bin}/twistd pt\n", text)
        self.assertIn(f"    {self.executable} demo\n", text)

    def test_pyptwist(self) -> None:
        """
        Who ran pyptwist gets lines with that.
        """
        self.install()
        self.assertIn(f"exec {self.executable}\n", guidance(self.executable))

    def test_module(self) -> None:
        """
        Who ran ``python -m pyptwist`` gets that.
        """
        text = guidance(f"{self.bin}/__main__.py")
        self.assertIn(f"exec {sys.executable} -m pyptwist\n", text)

    def test_stacks(self) -> None:
        """
        Who defined stacks gets lines that define them, in words without blanks.
        """
        text = guidance(
            f"{self.bin}/twistd", {"b64_obfs4": "obfs4 over b64", "double": "obfs4 | obfs4"}
        )
        program = (
            f"exec {self.bin}/twistd pt --stack b64_obfs4=obfs4|b64 --stack double=obfs4|obfs4\n"
        )
        for line in (
            f"    ClientTransportPlugin b64_obfs4,double {program}",
            f"    ServerTransportPlugin b64_obfs4,double {program}",
            "    Bridge b64_obfs4 192.0.2.1:8443 ...\n",
            "    ServerTransportListenAddr b64_obfs4 0.0.0.0:8443\n",
            f"Options: {self.bin}/twistd pt --help",
            " --stack 'b64_obfs4=obfs4|b64' --stack 'double=obfs4|obfs4' -server -transport b64_",
            " --stack 'b64_obfs4=obfs4|b64' --stack 'double=obfs4|obfs4' -client -transport b64_",
        ):
            self.assertIn(line, text + "\n")

    def test_inPlace(self) -> None:
        """
        What is found by PYTHONPATH must be found by tor's child as well.
        """
        root = os.path.dirname(os.path.dirname(os.path.abspath(pyptwist.__file__)))
        os.environ["PYTHONPATH"] = f"/x:{root}"
        text = guidance(f"{self.bin}/twistd")
        self.assertIn(f"exec /usr/bin/env PYTHONPATH={root} {self.bin}/twistd pt\n", text)
