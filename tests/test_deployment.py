"""
Tests for what puts pyptwist to work: the files in ``packaging``, and the how-tos.
"""

from __future__ import annotations

import io
import json
import os
import re
import shlex
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any, Final
from unittest import SkipTest

from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from pyptwist import tap
from pyptwist.activation import placed, socketName
from pyptwist.addresses import HostPort
from pyptwist.arguments import Arguments
from pyptwist.command import Options
from pyptwist.configfile import plan
from pyptwist.configfile.generate import Wanted, generate
from pyptwist.configfile.generatecommand import Options as GenerateOptions
from pyptwist.configfile.methods import rehearse
from pyptwist.doctor.apparmor import checkAppArmor, executable, translate
from pyptwist.doctor.case import Verdict
from pyptwist.ipc.configuration import Mode, Role
from pyptwist.ipc.parsing import parseEnvironment
from tests.doctor.machines import MachineCase
from tests.doctor.test_apparmor import PROFILE

ROOT: Final = Path(__file__).resolve().parents[1]
SYSTEMD: Final = ROOT / "packaging" / "systemd"
CONTAINERFILE: Final = ROOT / "packaging" / "container" / "Containerfile"
APPARMOR: Final = ROOT / "packaging" / "apparmor" / "local-system_tor"
HOWTOS: Final = ROOT / "doc" / "operate" / "howto"
PROGRAM: Final = "/opt/pyptwist/bin/pyptwist"

#: For the client's options in the how-tos, whose cert is left out.
CERT: Final = "J2aQhYm6wFFWiCLKNPlq5JkNkqxmBjFFxGbX2gBEHEj0SjjGHh1QhUzlL5dCFwpJ5lkLRw"

_NO_PRCTL: Final = 3

#: Asks the kernel for what MemoryDenyWriteExecute does (PR_SET_MDWE), then for TLS.
_UNEXECUTABLE: Final = f"""
import ctypes, sys
if ctypes.CDLL(None).prctl(65, 1, 0, 0, 0):
    sys.exit({_NO_PRCTL})
from twisted.internet.ssl import CertificateOptions
CertificateOptions().getContext()
"""

Settings = dict[str, list[str]]


def unit(name: str) -> dict[str, Settings]:
    """
    :returns: what a unit file says, by section and key.
    """
    sections: dict[str, Settings] = {}
    for raw in (SYSTEMD / name).read_text().splitlines():
        line = raw.strip()
        if line.startswith("["):
            settings = sections.setdefault(line.strip("[]"), {})
        elif line and not line.startswith("#"):
            key, mark, value = line.partition("=")
            assert mark, line
            settings.setdefault(key, []).append(value)
    return sections


def commandLines(page: str) -> list[list[str]]:
    """
    :returns: each ``pyptwist`` command line of a page, in words, without the first.
    """
    text = (HOWTOS / page).read_text().replace("\\\n", " ")
    found = re.findall(r"^ +pyptwist (.+)$", text, re.MULTILINE)
    return [shlex.split(line) for line in found]


class UnitTests(SynchronousTestCase):
    """
    Tests for systemd's units.
    """

    def setUp(self) -> None:
        self.service = unit("pyptwist@.service")
        self.socket = unit("pyptwist@.socket")

    def test_verified(self) -> None:
        """
        systemd itself finds nothing wrong.
        """
        folder = Path(os.path.abspath(self.mktemp()))
        folder.mkdir()
        for file in SYSTEMD.iterdir():
            # Neither the program nor its manual page is installed here.
            text = file.read_text().replace(PROGRAM, sys.executable)
            text = re.sub(r"^Documentation=.*\n", "", text, flags=re.MULTILINE)
            (folder / file.name).write_text(text)
        done = subprocess.run(
            ["systemd-analyze", "verify", *folder.iterdir()],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        self.assertEqual((done.returncode, done.stderr.count("pyptwist")), (0, 0), done.stderr)

    def test_command(self) -> None:
        """
        The command line is one, and its file is the credential.
        """
        [line] = self.service["Service"]["ExecStart"]
        program, *words = line.split()
        self.assertEqual(program, PROGRAM)
        options = Options()
        options.parseOptions(words)
        [credential] = self.service["Service"]["LoadCredential"]
        name, _, source = credential.partition(":")
        self.assertEqual(options["config"], f"${{CREDENTIALS_DIRECTORY}}/{name}")
        self.assertEqual(source, "/etc/pyptwist/%i.toml")

    def test_status(self) -> None:
        """
        The exit status after which nothing is tried again is the one of a wrong file.
        """
        [status] = self.service["Service"]["RestartPreventExitStatus"]
        file = Path(self.mktemp())
        file.write_text("nonsense")
        options = tap.Options()
        options.parseOptions(["-config", str(file)])
        self.patch(sys, "stderr", io.StringIO())
        raised = self.assertRaises(SystemExit, tap.makeService, options)
        self.assertEqual(raised.code, int(status))

    def test_start(self) -> None:
        """
        It has started when it says so.
        """
        self.assertEqual(self.service["Service"]["Type"], ["notify"])

    def test_memory(self) -> None:
        """
        Where memory may not be made executable there is no TLS, so the unit does
        not forbid it.  When this fails, it may.
        """
        self.assertNotIn("MemoryDenyWriteExecute", self.service["Service"])
        done = subprocess.run(
            [sys.executable, "-c", _UNEXECUTABLE],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        if done.returncode == _NO_PRCTL:
            raise SkipTest("the kernel knows no PR_SET_MDWE")
        self.assertIn("MemoryError", done.stderr)

    def test_state(self) -> None:
        """
        The state directory that systemd makes is the one that is written to.
        """
        self.assertEqual(self.service["Service"]["StateDirectory"], ["pyptwist/%i"])
        self.assertEqual(self.service["Service"]["StateDirectoryMode"], ["0700"])
        self.patch(os, "environ", {"STATE_DIRECTORY": "/var/lib/pyptwist/web:/var/lib/other"})
        folder = Path(self.mktemp())
        folder.mkdir()
        file = folder / "web.toml"
        file.write_text('[[client]]\nmethod = "obfs4"\n')
        self.assertEqual(plan.read(str(file)).state, "/var/lib/pyptwist/web")
        file.write_text('state = "/srv"\n[[client]]\nmethod = "obfs4"\n')
        self.assertEqual(plan.read(str(file)).state, "/srv")

    def test_socket(self) -> None:
        """
        The socket's name and port are those that the example in the unit, and the
        one in the manual, ask for.
        """
        [name] = self.socket["Socket"]["FileDescriptorName"]
        [port] = {line.rpartition(":")[2] for line in self.socket["Socket"]["ListenStream"]}
        for file in (SYSTEMD / "pyptwist@.socket", ROOT / "doc" / "operate" / "services.rst"):
            text = file.read_text()
            [wanted] = re.findall(r'listen = "([^"]+)"', text)
            [chosen] = re.findall(r'options = \{ systemd-socket = "([^"]+)" \}', text)
            bind, _ = placed(HostPort.parse(wanted), Arguments([("systemd-socket", chosen)]))
            self.assertEqual((socketName(bind.host), str(bind.port)), (name, port))

    def test_named(self) -> None:
        """
        The manual names the units that there are.
        """
        text = (ROOT / "doc" / "operate" / "services.rst").read_text()
        for file in SYSTEMD.iterdir():
            self.assertIn(f"packaging/systemd/{file.name}", text)


class ContainerTests(SynchronousTestCase):
    """
    Tests for the Containerfile.
    """

    def setUp(self) -> None:
        text = re.sub(r"^\s*#.*\n", "", CONTAINERFILE.read_text(), flags=re.MULTILINE)
        self.lines = [line for line in text.replace("\\\n", "").splitlines() if line]
        last = max(n for n, line in enumerate(self.lines) if line.startswith("FROM "))
        self.final = self.lines[last:]

    def argument(self, instruction: str) -> str:
        """
        :returns: what the final image's only such instruction says.
        """
        [line] = [one for one in self.final if one.startswith(f"{instruction} ")]
        return line.removeprefix(instruction).strip()

    def test_command(self) -> None:
        """
        The image runs a command line that there is, as an ordinary user.
        """
        self.assertEqual(json.loads(self.argument("ENTRYPOINT")), [PROGRAM])
        options = Options()
        options.parseOptions(json.loads(self.argument("CMD")))
        self.assertEqual(options["config"], "/etc/pyptwist/config.toml")
        self.assertNotIn("0", self.argument("USER").split(":"))

    def test_state(self) -> None:
        """
        Keys go to the volume.
        """
        self.assertIn(f"STATE_DIRECTORY={self.argument('VOLUME')}", self.argument("ENV").split())

    def test_tools(self) -> None:
        """
        What builds stays behind.
        """
        for line in self.final:
            for word in ("pip", "python3-venv", "gcc", "build-essential", "-dev"):
                self.assertFalse(line.startswith("RUN ") and f" {word}" in line, line)

    def test_cache(self) -> None:
        """
        The cache of plugins is written by root, when the plugins are there, into a
        layer of its own: a layer's times are whole seconds, and a cache of the same
        second as the plugins is made anew at each start, where it may not be written.
        """
        writing = next(n for n, line in enumerate(self.final) if "twistd --help" in line)
        self.assertTrue(self.final[writing - 1].startswith("COPY --from=build /opt/pyptwist"))
        self.assertIn(f"USER {self.argument('USER')}", self.final[writing:])

    def test_instructions(self) -> None:
        """
        Each line is an instruction.
        """
        known = {"FROM", "RUN", "COPY", "USER", "ENV", "VOLUME", "STOPSIGNAL", "ENTRYPOINT", "CMD"}
        self.assertEqual({line.split()[0] for line in self.lines} - known, set())


class ProfileTests(MachineCase):
    """
    Tests for the rules for AppArmor, together with the doctor's.
    """

    def protect(self, local: str) -> dict[str, Any]:
        self.install("etc/apparmor.d/system_tor", PROFILE)
        self.install("etc/apparmor.d/local/system_tor", local)
        self.install("sys/kernel/security/apparmor/profiles", "system_tor (enforce)\n")
        return {"program": PROGRAM, "prefix": "/opt/pyptwist"}

    def test_sufficient(self) -> None:
        """
        With the rules the doctor is content; without them it is not.
        """
        torrc = f"ClientTransportPlugin obfs4 exec {PROGRAM}"
        for local, verdict in (("", Verdict.ERROR), (APPARMOR.read_text(), Verdict.OK)):
            more = self.protect(local)
            self.assertEqual(self.one(checkAppArmor, torrc, **more).verdict, verdict)

    def test_agreement(self) -> None:
        """
        What the doctor would have one add is allowed by them: each program, each
        folder to read, and in the same words what else there is.
        """
        more = self.protect("")
        torrc = f"ClientTransportPlugin obfs4 exec {PROGRAM}"
        remedy = self.one(checkAppArmor, torrc, **more).remedy
        wanted = re.findall(r"'  (/\S+) (ix|mr),'", remedy)
        self.assertEqual(len(wanted), 5)
        rules = APPARMOR.read_text()
        others = [line for line in re.findall(r"'(  [^']+)'", remedy) if line.endswith(" r,")]
        self.assertEqual(others, re.findall(r"^  .* r,$", rules, re.MULTILINE))
        self.protect(rules)
        allowed = executable(self.case(**more))
        readable = re.findall(r"^ +(/\S+) mr,$", rules, re.MULTILINE)
        for path, rights in wanted:
            sample = path.replace("**", "a/b.so").replace("*", ".11")
            patterns = allowed if rights == "ix" else [translate(glob) for glob in readable]
            self.assertTrue(any(pattern.fullmatch(sample) for pattern in patterns), path)


class HowToTests(SynchronousTestCase):
    """
    Tests for the how-tos: their command lines do what they say.
    """

    PAGES: Final = {
        "ssh.rst": {Mode.TRANSPARENT_TCP},
        "openvpn.rst": {Mode.TRANSPARENT_TCP, Mode.TRANSPARENT_UDP},
        "wireguard.rst": {Mode.TRANSPARENT_UDP},
    }

    def test_pages(self) -> None:
        """
        All are looked at, and the index has them.
        """
        index = (HOWTOS / "index.rst").read_text().split()
        self.assertEqual({path.name for path in HOWTOS.iterdir()}, {*self.PAGES, "index.rst"})
        for page in self.PAGES:
            self.assertIn(page.removesuffix(".rst"), index)

    def test_files(self) -> None:
        """
        ``generate-config`` writes pairs that ``check-config`` finds nothing wrong
        with, in the modes that the page is about.
        """
        for page, modes in self.PAGES.items():
            found = set()
            for words in commandLines(page):
                if words[0] == "generate-config":
                    found.add(self.generated(words[1:]))
            self.assertEqual(found, modes, page)

    def generated(self, words: list[str]) -> Mode:
        options = GenerateOptions()
        options.parseOptions(words)
        folder = Path(os.path.abspath(self.mktemp()))
        folder.mkdir()
        options["directory"] = str(folder)
        fields = ("method", "server", "target", "listen", "mode", "directory")
        reactor = MemoryReactorClock()
        pair = generate(reactor, Wanted(*(options[name] for name in fields)))
        for path in (pair.server, pair.client):
            self.assertEqual(rehearse(reactor, plan.read(path)), [])
        mode: Mode = options["mode"]
        return mode

    def test_flags(self) -> None:
        """
        The flags of server and client are accepted, and are for the same mode and
        the ports of the page's files.
        """
        for page in self.PAGES:
            lines = commandLines(page)
            [server] = [words for words in lines if words[0] == "-server"]
            [client] = [words for words in lines if words[0] == "-client"]
            [first, *_] = [words for words in lines if words[0] == "generate-config"]
            said, file = dict(pairwise(first)), self.options(page)
            for words, role in ((server, Role.SERVER), (client, Role.CLIENT)):
                options = tap.Options()
                options.parseOptions(words)
                wanted = parseEnvironment({}, options["flags"], {"obfs4.json": file}.__getitem__)
                self.assertIs(wanted.role, role)
                self.assertEqual(wanted.mode.value, said["--mode"])
                if role is Role.SERVER:
                    self.assertEqual(str(wanted.target), said["--target"])
                else:
                    self.assertEqual(str(wanted.listen), said["--listen"])

    def options(self, page: str) -> str:
        """
        :returns: what the page has for ``obfs4.json``.
        """
        [text] = re.findall(r"^ +(\{.*\})$", (HOWTOS / page).read_text(), re.MULTILINE)
        return json.dumps({**json.loads(text), "cert": CERT})

    def test_run(self) -> None:
        """
        What is run are the files that were written.
        """
        for page in self.PAGES:
            files = {words[1] for words in commandLines(page) if words[0] == "-config"}
            self.assertEqual(files, {"obfs4-server.toml", "obfs4-client.toml"})
