"""
Tests for ``pyptwist.checking.report``.
"""

from __future__ import annotations

import json
from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase

from pyptwist.checking.lines import Bridge
from pyptwist.checking.probe import Result
from pyptwist.checking.report import asJSON, asText, summary
from pyptwist.checking.stages import Passed, Stage
from pyptwist.errors import Cause

BRIDGE = Bridge.parse(1, "obfs4 192.0.2.7:443 cert=SECRET")
WELL = Result(1, BRIDGE, (Passed(Stage.TCP, 0.25), Passed(Stage.HANDSHAKE, 1.5, None, "note")))
ILL = Result(2, BRIDGE, (Passed(Stage.TCP, 0.5), Passed(Stage.HANDSHAKE, 1, Cause.TIMEOUT, "why")))
NONE = Result(3, None, (Passed(Stage.LINE, 0, Cause.ARGUMENTS, "no"),))


class TextTests(SynchronousTestCase):
    """
    Tests for ``asText`` and ``summary``.
    """

    def test_lines(self) -> None:
        """
        A heading, and a line for each stage.
        """
        self.assertEqual(
            asText(WELL).splitlines(),
            [
                "Bridge 1: obfs4 IPv4 ok",
                "  tcp        0.250 s  ok",
                "  handshake  1.500 s  ok  note",
            ],
        )
        self.assertEqual(
            asText(ILL).splitlines(),
            [
                "Bridge 2: obfs4 IPv4 failed: timeout",
                "  tcp        0.500 s  ok",
                "  handshake  1.000 s  timeout  why",
            ],
        )
        self.assertIn("Bridge 3: not understood failed: arguments", asText(NONE))
        odd = replace(WELL, warnings=("odd", "odder"))
        self.assertEqual(asText(odd).splitlines()[3:], ["  warning: odd", "  warning: odder"])

    def test_address(self) -> None:
        """
        Where it is, is told on demand; a secret never.
        """
        self.assertIn("Bridge 1: obfs4 192.0.2.7:443 ok", asText(WELL, showAddress=True))
        self.assertNotIn("SECRET", asText(WELL, showAddress=True))

    def test_summary(self) -> None:
        """
        Those that failed are named by their numbers.
        """
        self.assertEqual(summary([WELL, ILL, NONE]), "2 of 3 bridges failed: 2, 3.")
        self.assertEqual(summary([WELL, WELL]), "All 2 bridges are well.")


class JSONTests(SynchronousTestCase):
    """
    Tests for ``asJSON``.
    """

    def test_schema(self) -> None:
        """
        Programs rely on this.
        """
        document = json.loads(asJSON([replace(ILL, warnings=("odd",))]))
        self.assertEqual(
            document,
            {
                "format": 1,
                "isSound": False,
                "bridges": [
                    {
                        "number": 2,
                        "method": "obfs4",
                        "family": "IPv4",
                        "address": None,
                        "isSound": False,
                        "cause": "timeout",
                        "seconds": 1.5,
                        "stages": [
                            {
                                "name": "tcp",
                                "isSound": True,
                                "seconds": 0.5,
                                "cause": None,
                                "note": "",
                            },
                            {
                                "name": "handshake",
                                "isSound": False,
                                "seconds": 1.0,
                                "cause": "timeout",
                                "note": "why",
                            },
                        ],
                        "warnings": ["odd"],
                    }
                ],
            },
        )

    def test_others(self) -> None:
        """
        What is no line has neither method nor address; all well is said so.
        """
        [found] = json.loads(asJSON([NONE], showAddress=True))["bridges"]
        self.assertEqual([found[key] for key in ("method", "family", "address")], [None] * 3)
        document = json.loads(asJSON([WELL], showAddress=True))
        self.assertTrue(document["isSound"])
        self.assertEqual(document["bridges"][0]["address"], "192.0.2.7:443")
        self.assertNotIn("SECRET", json.dumps(document))
