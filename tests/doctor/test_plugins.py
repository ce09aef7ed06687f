"""
Tests for ``pyptwist.doctor.plugins``.
"""

from __future__ import annotations

import os
from pathlib import Path

from pyptwist.doctor.case import Verdict
from pyptwist.doctor.plugins import cacheFindings, checkCache, checkPlugins, findingsOf
from pyptwist.listing.inventory import Inventory, Method, Problem
from pyptwist.listing.origins import Origin
from tests.doctor.machines import MachineCase
from tests.listing.test_inventory import GOOD
from tests.plugins import installPlugins

PACKAGE = Origin("/site", "some-package", "1.2")
EDITABLE = Origin("/source", "mine", "1", True)
FOLDER = Origin("/x")


class PluginsTests(MachineCase):
    """
    Tests for ``checkPlugins``.
    """

    def test_sound(self) -> None:
        """
        What can be used is named.
        """
        installPlugins(self, {"good": GOOD})
        finding = self.one(checkPlugins)
        self.assertEqual(finding.verdict, Verdict.OK)
        self.assertIn("both, reach", finding.text)

    def test_problems(self) -> None:
        """
        Whatever cannot be is an error, whose remedy goes by where it came from.
        """
        inventory = Inventory(
            [
                Method("lazy", ["client"], [EDITABLE], None, "why"),
                Method("twice", ["client"], [PACKAGE, FOLDER], None, "both claim it"),
                Method("again", ["client"], [FOLDER, PACKAGE], None, "both claim it"),
            ],
            [
                Problem("broken", PACKAGE, "ImportError"),
                Problem("mine", FOLDER, "ImportError"),
                Problem("/y/dropin.cache", PACKAGE, "out of date"),
            ],
        )
        findings = list(findingsOf(inventory, "/py"))
        for text, remedy in (
            ("lazy: why", "/py -m pip install --editable /source"),
            ("twice: both", "ls /x/twisted/plugins"),
            ("again: both", "/py -m pip uninstall some-package"),
            ("broken: ImportError", "/py -m pip install --force-reinstall some-package"),
            ("mine: ImportError", "ls /x/twisted/plugins"),
            ("dropin.cache: out", "rm /y/dropin.cache"),
            ("no transport method can", "pip install pyptwist"),
        ):
            self.assertFinds(findings, Verdict.ERROR, text, remedy)
        self.assertEqual(len(findings), 7)


class CacheTests(MachineCase):
    """
    Tests for ``checkCache``.
    """

    def setUp(self) -> None:
        super().setUp()
        self.module = self.install("plugins/mine.py")
        self.folder = self.module.parent

    def age(self, path: Path, seconds: float) -> None:
        now = path.stat().st_mtime - seconds
        os.utime(path, (now, now))

    def test_current(self) -> None:
        """
        A cache that is younger than the modules is good.
        """
        self.age(self.module, 10)
        self.install("plugins/dropin.cache")
        [finding] = cacheFindings(self.folder, "/opt/pt")
        self.assertIn("up to date", finding.text)

    def test_writable(self) -> None:
        """
        One that can be written will be.
        """
        [finding] = cacheFindings(self.folder, "/opt/pt")
        self.assertEqual(finding.verdict, Verdict.OK)
        self.assertIn("will be written", finding.text)

    def test_unwritable(self) -> None:
        """
        Else somebody may wonder.
        """
        self.age(self.install("plugins/dropin.cache"), 10)
        self.patch(os, "access", lambda path, mode: False)
        [finding] = cacheFindings(self.folder, "/opt/pt")
        self.assertEqual(finding.verdict, Verdict.NOTE)
        self.assertEqual(finding.remedy, "sudo /opt/pt/bin/twistd --help > /dev/null")

    def test_open(self) -> None:
        """
        What everybody can write is no good.
        """
        self.install("plugins/dropin.cache", mode=0o666)
        self.folder.chmod(0o777)
        findings = list(cacheFindings(self.folder, "/opt/pt"))
        for path in (self.folder, self.folder / "dropin.cache"):
            remedy = f"chmod o-w {path}"
            self.assertFinds(findings, Verdict.ERROR, f"can write to {path},", remedy)

    def test_path(self) -> None:
        """
        Each directory of plugins is looked at; one without modules does not matter.
        """
        installPlugins(self, {"good": GOOD}, {})
        self.assertEqual(len(self.findings(checkCache)), 1)
