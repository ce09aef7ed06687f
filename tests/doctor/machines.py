"""
Machines that exist in a test's directory alone.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from pyptwist.doctor.case import Case, Check, Finding, Verdict
from pyptwist.doctor.torrc import Torrc

PROGRAM = "/opt/pt/bin/pyptwist"


class MachineCase(SynchronousTestCase):
    """
    :ivar root: of the machine, which is empty at first.
    """

    def setUp(self) -> None:
        self.root = Path(os.path.abspath(self.mktemp()))
        self.root.mkdir()

    def install(self, path: str, text: str = "", mode: int = 0o644) -> Path:
        """
        Put a file there.
        """
        file = self.root / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(mode)
        return file

    def case(self, torrc: str | None = None, **more: Any) -> Case:
        """
        :param torrc: its text.
        """
        settings: dict[str, Any] = {
            "program": PROGRAM,
            "prefix": "/opt/pt",
            "python": "/usr/bin/python3.11",
            "torrc": None if torrc is None else Torrc.parse(torrc),
            "user": os.geteuid() or 1,
            "root": self.root,
            **more,
        }
        return Case(**settings)

    def findings(self, check: Check, torrc: str | None = None, **more: Any) -> list[Finding]:
        return list(check(self.case(torrc, **more)))

    def one(self, check: Check, torrc: str | None = None, **more: Any) -> Finding:
        """
        :returns: the only finding.
        """
        [finding] = self.findings(check, torrc, **more)
        return finding

    def assertFinds(
        self, findings: list[Finding], verdict: Verdict, text: str, remedy: str = ""
    ) -> None:
        """
        Among the findings is one with that verdict, text, and remedy.
        """
        for finding in findings:
            if finding.verdict is verdict and text in finding.text and remedy in finding.remedy:
                return
        self.fail(f"no {verdict} with {text!r} and {remedy!r} in {findings}")
