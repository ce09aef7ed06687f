"""
Tests for ``pyptwist.doctor.report`` and the command.
"""

from __future__ import annotations

import json
import os

from twisted.trial.unittest import SynchronousTestCase

from pyptwist import doctor
from pyptwist.doctor.case import Case, Finding, Verdict
from pyptwist.doctor.report import asJSON, asText, isSound
from tests.test_main import MainCase

GOOD = Finding("plugins", Verdict.OK, "fine")
NOTE = Finding("clock", Verdict.NOTE, "well", "timedatectl")
BAD = Finding("state", Verdict.ERROR, "open", "chmod 700 /x")


class ReportTests(SynchronousTestCase):
    """
    Tests for ``asText``, ``asJSON`` and ``isSound``.
    """

    def test_text(self) -> None:
        """
        A line for each, and its command below.
        """
        self.assertEqual(
            asText([GOOD, NOTE, BAD]).splitlines(),
            [
                "ok     plugins  fine",
                "note   clock    well",
                "    timedatectl",
                "error  state    open",
                "    chmod 700 /x",
            ],
        )

    def test_json(self) -> None:
        """
        Programs rely on this.
        """
        self.assertEqual(
            json.loads(asJSON([GOOD, BAD])),
            {
                "format": 1,
                "isSound": False,
                "findings": [
                    {"check": "plugins", "verdict": "ok", "text": "fine", "remedy": None},
                    {
                        "check": "state",
                        "verdict": "error",
                        "text": "open",
                        "remedy": "chmod 700 /x",
                    },
                ],
            },
        )

    def test_sound(self) -> None:
        """
        Notes are nothing to mend; warnings are.
        """
        self.assertTrue(isSound([GOOD, NOTE]))
        self.assertFalse(isSound([BAD]))
        self.assertFalse(isSound([Finding("x", Verdict.WARNING, "")]))


class CommandTests(MainCase):
    """
    Tests for ``pyptwist doctor``.
    """

    def findings(self, *findings: Finding) -> None:
        """
        Let the examinations find these.
        """
        self.cases: list[Case] = []

        def check(case: Case) -> list[Finding]:
            self.cases.append(case)
            return list(findings)

        self.patch(doctor, "checks", lambda: [check])

    def test_status(self) -> None:
        """
        The exit status tells whether there is something to mend.
        """
        self.findings(GOOD)
        self.assertIsNone(self.run_("doctor"))
        self.assertEqual(self.outputs.getvalue(), "ok  plugins  fine\n")
        self.findings(BAD)
        self.assertEqual(self.run_("doctor", "--json"), 1)
        self.assertFalse(json.loads(self.outputs.getvalue())["isSound"])

    def test_case(self) -> None:
        """
        What is examined is this installation, with what was named.
        """
        torrc = self.mktemp()
        with open(torrc, "w") as file:
            file.write("ServerTransportPlugin obfs4 exec /x\n")
        self.findings(GOOD)
        self.run_("doctor", "--state", "/s", "--torrc", torrc)
        [case] = self.cases
        self.assertEqual((case.state, case.programs), ("/s", ["/x"]))
        self.assertEqual(case.program, "/usr/bin/pyptwist")
        self.run_("doctor")
        self.assertEqual(self.cases[1].programs, ["/usr/bin/pyptwist"])

    def test_wrong(self) -> None:
        """
        An error in the command line has an exit status of its own.
        """
        self.assertEqual(self.run_("doctor", "--torrc", "/nonexistent"), 2)
        self.assertIn("cannot read /nonexistent", self.errors.getvalue())
        self.assertEqual(self.run_("doctor", "what"), 2)

    def test_real(self) -> None:
        """
        All of them work on this machine, whatever they find, and change nothing.
        """
        state = os.path.abspath(self.mktemp())
        self.assertIn(self.run_("doctor", "--json", "--state", state), (None, 1))
        found = {each["check"] for each in json.loads(self.outputs.getvalue())["findings"]}
        self.assertLessEqual({"plugins", "state", "open files", "clock", "apparmor"}, found)
        self.assertFalse(os.path.exists(state))
