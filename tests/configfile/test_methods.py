"""
Tests for ``pyptwist.configfile.methods``.
"""

from __future__ import annotations

import os
import tempfile

from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from pyptwist.configfile import methods as module
from pyptwist.configfile.methods import explain, rehearse
from pyptwist.configfile.plan import parse
from pyptwist.errors import ConfigurationError

_SERVER = '[[server]]\nmethod = "obfs4"\nlisten = "127.0.0.1:1"\ntarget = "127.0.0.1:2"\n'


class RehearseTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.directory = os.path.abspath(self.mktemp())
        os.mkdir(self.directory)
        self.patch(tempfile, "tempdir", self.directory)

    def rehearse(self, text: str) -> list[str]:
        """
        :returns: what is wrong with a file, of which nothing stays.
        """
        problems = rehearse(MemoryReactorClock(), parse(text.encode(), self.directory))
        self.assertEqual(os.listdir(self.directory), [])
        return problems

    def test_sound(self) -> None:
        self.assertEqual(self.rehearse(_SERVER + '[[client]]\nmethod = "obfs4"\n'), [])

    def test_options(self) -> None:
        """
        Those of the server's methods, those of all servers, and a client's.
        """
        for line in ('decoy = "nowhere"', "proxy-protocol = 2", 'node-id = "x"'):
            (problem,) = self.rehearse(f"{_SERVER}options = {{ {line} }}\n")
            self.assertTrue(problem.startswith("[[server]] 1: the "), problem)
            self.assertIn(line.partition(" ")[0] if "node" not in line else "drbg-seed", problem)

    def test_client(self) -> None:
        """
        A client's are looked at where its server is known, or must be.
        """
        client = '[[client]]\nmethod = "obfs4"\n'
        for more, problems in (
            ("", 0),
            ('server = "192.0.2.1:1"\n', 1),
            ('mode = "transparent-TCP"\n', 1),
            ('mode = "STUN"\nserver = "192.0.2.1:1"\n', 1),
        ):
            self.assertEqual(len(self.rehearse(client + more)), problems, more)

    def test_misspelt(self) -> None:
        """
        An option that the method does not look for is told if it looked for one
        that is spelt almost so; others may be those of other versions.
        """
        for method, line, meant in (
            ("meek", "turnarond = 9", "turnaround"),
            ("webtunnel", 'urll = "https://example.com/x"', "url"),
            ("shadow", 'cipherNme = "darkstar"', "cipherName"),
            ("Starbridge", 'serverPrivatKey = "x"', "serverPrivateKey"),
            ("obfs4", "iat-mod = 1", "iat-mode"),
            ("kcp", "modee = 1", "mode"),
        ):
            text = f"{_SERVER.replace('obfs4', method)}options = {{ {line} }}\n"
            key = line.partition(" ")[0]
            self.assertEqual(
                self.rehearse(text),
                [f"[[server]] 1: there is no option {key!r}: is {meant!r} meant?"],
            )
        text = _SERVER.replace("obfs4", "meek") + 'options = { utls = "x", other = 1 }\n'
        self.assertEqual(self.rehearse(text), [])

    def test_misspeltAndNeeded(self) -> None:
        """
        That something is missing is told, and under which name it is there.
        """
        text = '[[client]]\nmethod = "obfs4"\nserver = "192.0.2.1:1"\noptions = { crt = "x" }\n'
        reason = "the argument 'cert' is missing; there is no option 'crt': is 'cert' meant?"
        self.assertEqual(self.rehearse(text), [f"[[client]] 1: {reason}"])

    def test_misspeltLine(self) -> None:
        """
        What a bridge line has is warned of; so is what is less similar.
        """
        warnings: list[str] = []
        server = f"{_SERVER}options = {{ mode = 1 }}\n"
        client = "[[client]]\nbridge = 'kcp 192.0.2.1:1 framin=x'\n"
        plan = parse((server + client).encode(), self.directory)
        self.assertEqual(rehearse(MemoryReactorClock(), plan, warnings.append), [])
        self.assertEqual(
            warnings,
            [
                "[[server]] 1: there is no option 'mode': is 'iat-mode' meant?",
                "[[client]] 1: there is no option 'framin': is 'framing' meant?",
            ],
        )
        (problem,) = self.rehearse(f"{client}options = {{ mod = 1 }}\n")
        self.assertEqual(problem, "[[client]] 1: there is no option 'mod': is 'mode' meant?")

    def test_datagrams(self) -> None:
        """
        What needs UDP cannot be where there is none.
        """
        stacks = '[stacks]\nunder = "kcp|b64"\nover = "b64|kcp"\n'
        for method in ("kcp", "over"):
            client = f'[[client]]\nmethod = "{method}"\nserver = "192.0.2.1:1"\n'
            self.assertEqual(self.rehearse(stacks + client), [])
            (problem,) = self.rehearse(f'{stacks}{client}proxy = "socks5://192.0.2.2:1"\n')
            self.assertIn(f"{method} needs UDP, which cannot pass the upstream proxy", problem)
        (problem,) = self.rehearse(stacks + _SERVER.replace("obfs4", "under"))
        self.assertIn("kcp needs UDP", problem)
        self.assertIn("the last one of a stack", problem)

    def test_foreign(self) -> None:
        """
        A method that ends the program, or fails as it likes, is one problem.
        """

        def fail(*arguments: object) -> None:
            raise errors.pop()

        errors: list[BaseException] = [SystemExit(3), ZeroDivisionError("a\nb 192.0.2.1:1")]
        self.patch(module, "rehearseServer", fail)
        self.assertEqual(
            self.rehearse(_SERVER), ["[[server]] 1: ZeroDivisionError: a b [scrubbed]"]
        )
        self.assertEqual(self.rehearse(_SERVER), ["[[server]] 1: SystemExit: 3"])

    def test_explain(self) -> None:
        self.assertEqual(explain(ConfigurationError("it is so")), "it is so")
