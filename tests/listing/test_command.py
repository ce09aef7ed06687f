"""
Tests for ``pyptwist.listing.command``.
"""

from __future__ import annotations

import json

from twisted.trial.unittest import SynchronousTestCase

from pyptwist.listing.command import asJSON, asText
from pyptwist.listing.inventory import Inventory, Method, Problem
from pyptwist.listing.origins import Origin
from tests.listing.test_inventory import GOOD
from tests.plugins import installPlugins
from tests.test_main import MainCase

PACKAGE = Origin("/site", "some-package", "1.2")
FOLDER = Origin("/x")

SOUND = Method("good", ["client", "server"], [PACKAGE], None, None)
BROKEN = Inventory(
    [
        SOUND,
        Method("lazy", ["client"], [FOLDER], None, "ValueError: no"),
        Method("tower", ["client"], [], "good | good", None),
    ],
    [Problem("broken_plugin", FOLDER, "ModuleNotFoundError: No module named 'x'")],
)


class TextTests(SynchronousTestCase):
    """
    Tests for ``asText``.
    """

    def test_table(self) -> None:
        """
        Everything has a line, and what fails has its reason there.
        """
        self.assertEqual(
            asText(BROKEN).splitlines(),
            [
                "METHOD  ROLES          FROM",
                "good    client server  some-package 1.2",
                "lazy    client         folder /x         failed: ValueError: no",
                "tower   client         --stack           stack: good | good",
                "",
                "PLUGIN MODULE  FROM",
                "broken_plugin  folder /x  failed: ModuleNotFoundError: No module named 'x'",
            ],
        )

    def test_sound(self) -> None:
        """
        Where nothing fails, nothing is said of failures.
        """
        self.assertEqual(len(asText(Inventory([SOUND])).splitlines()), 2)

    def test_nothing(self) -> None:
        """
        Nothing is something to say.
        """
        self.assertEqual(asText(Inventory()), "No transport method is installed.")


class JSONTests(SynchronousTestCase):
    """
    Tests for ``asJSON``.
    """

    def test_everything(self) -> None:
        """
        A program gets the same.
        """
        read = json.loads(asJSON(BROKEN))
        self.assertFalse(read["isSound"])
        self.assertEqual(
            read["methods"][0],
            {
                "name": "good",
                "roles": ["client", "server"],
                "origins": [
                    {
                        "folder": "/site",
                        "distribution": "some-package",
                        "version": "1.2",
                        "isEditable": False,
                    }
                ],
                "stack": None,
                "problem": None,
            },
        )
        self.assertEqual(read["problems"][0]["name"], "broken_plugin")
        self.assertTrue(json.loads(asJSON(Inventory([SOUND])))["isSound"])


class CommandTests(MainCase):
    """
    Tests for ``pyptwist list``.
    """

    def test_sound(self) -> None:
        """
        The exit code is that of success if all is well.
        """
        installPlugins(self, {"good": GOOD})
        self.assertIsNone(self.run_("list"))
        self.assertIn("\nboth    client server  folder /", self.outputs.getvalue())

    def test_broken(self) -> None:
        """
        It is 1 if something failed; what plugins print is kept from the answer.
        """
        installPlugins(
            self, {"broken": "print('noise')\n1 / 0", "good": "print('noise')\n" + GOOD}
        )
        self.assertEqual(self.run_("list", "--json"), 1)
        read = json.loads(self.outputs.getvalue())
        self.assertEqual([m["name"] for m in read["methods"]], ["both", "reach"])
        self.assertEqual(self.errors.getvalue(), "noise\nnoise\n")

    def test_stack(self) -> None:
        """
        Stacks that the command line defines are listed.
        """
        installPlugins(self, {"good": GOOD})
        self.assertIsNone(self.run_("--stack", "two=both|both", "list"))
        self.assertIn("stack: both|both", self.outputs.getvalue())
