"""
Tests for ``pyptwist.listing.inventory``.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from twisted.plugin import getPlugins
from twisted.trial.unittest import SynchronousTestCase

from pyptwist.errors import ConfigurationError
from pyptwist.interfaces import IClientTransport
from pyptwist.listing.inventory import Inventory, Method, survey
from pyptwist.listing.origins import Origins
from tests.plugins import installPlugins

GOOD = """
from pyptwist.registry import TransportPlugin

both = TransportPlugin("both", client="tests.memory.Hello", server="tests.memory.Hello")
reach = TransportPlugin("reach", client="tests.memory.Hello")
"""

#: A method that is its own plugin, in several ways of going wrong.
OBJECT = """
from twisted.plugin import IPlugin
from zope.interface import directlyProvides
from pyptwist.interfaces import IClientTransport

class Mine:
    {body}

mine = Mine()
directlyProvides(mine, IClientTransport{plugin})
"""


class SurveyCase(SynchronousTestCase):
    """
    Plugin directories, and what is found in them.
    """

    def survey(self, *directories: dict[str, str], **stacks: str) -> Inventory:
        """
        :returns: what is found in directories of plugin modules.
        """
        self.paths = installPlugins(self, *directories)
        return survey(Origins([]), stacks)

    def method(self, inventory: Inventory, name: str) -> Method:
        [method] = [method for method in inventory.methods if method.name == name]
        return method

    def failures(self, inventory: Inventory) -> dict[str, str]:
        """
        :returns: reasons by names.
        """
        return {problem.name: problem.reason for problem in inventory.problems}


class SurveyTests(SurveyCase):
    """
    Tests for ``survey``.
    """

    def test_methods(self) -> None:
        """
        Methods are found with their roles and their origin.
        """
        inventory = self.survey({"good": GOOD})
        self.assertEqual([m.name for m in inventory.methods], ["both", "reach"])
        both, reach = inventory.methods
        self.assertEqual(both.roles, ["client", "server"])
        self.assertEqual(reach.roles, ["client"])
        self.assertEqual([str(o) for o in both.origins], [f"folder {self.paths[0]}"])
        self.assertIsNone(both.problem)
        self.assertTrue(inventory.isSound)

    def test_broken(self) -> None:
        """
        Modules that fail are named with the reason, however they fail; the others
        are not harmed, and nothing is logged.
        """
        inventory = self.survey(
            {
                "absent": "import nonexistent_module",
                "crooked": "def",
                "division": "1 / 0",
                "exits": "import sys\nsys.exit('enough')",
                "good": GOOD,
                "mute": "class E(Exception):\n    def __str__(self): 1 / 0\nraise E",
                "steers": "raise ValueError('\\x1b[2Jone\\n  two 192.0.2.1:443')",
            }
        )
        self.assertEqual([m.name for m in inventory.methods], ["both", "reach"])
        failures = self.failures(inventory)
        self.assertEqual(
            failures["absent"], "ModuleNotFoundError: No module named 'nonexistent_module'"
        )
        self.assertIn("SyntaxError: ", failures["crooked"])
        self.assertEqual(failures["division"], "ZeroDivisionError: division by zero")
        self.assertEqual(failures["exits"], "SystemExit: enough")
        self.assertIn("E: ", failures["mute"])
        self.assertEqual(failures["steers"], "ValueError: ?[2Jone two [scrubbed]")
        self.assertEqual(len(failures), 6)
        self.assertTrue(all("\n" not in reason for reason in failures.values()))
        self.assertFalse(inventory.isSound)

    def test_interrupted(self) -> None:
        """
        Who interrupts it is obeyed.
        """
        self.assertRaises(KeyboardInterrupt, self.survey, {"long": "raise KeyboardInterrupt"})

    def test_clash(self) -> None:
        """
        Two that claim one name are both named.
        """
        inventory = self.survey({"good": GOOD}, {"copied": GOOD})
        both = self.method(inventory, "both")
        assert both.problem is not None
        for text in ("twisted.plugins.good", "twisted.plugins.copied", "'both'"):
            self.assertIn(text, both.problem)
        self.assertEqual({o.folder for o in both.origins}, {str(path) for path in self.paths})

    def test_lazyClass(self) -> None:
        """
        The method's own code is imported, too.
        """
        lines = [
            f'{name} = TransportPlugin("{name}", client="{dotted}")'
            for name, dotted in (
                ("a", "nonexistent_module.Example"),
                ("b", "tests.memory.Missing"),
                ("c", "tests.memory.Hello"),
            )
        ]
        text = "\n".join(["from pyptwist.registry import TransportPlugin", *lines])
        a, b, c = self.survey({"lazy": text}).methods
        self.assertIn("nonexistent_module", str(a.problem))
        self.assertIn("Missing", str(b.problem))
        self.assertIsNone(c.problem)

    def test_impossibleName(self) -> None:
        """
        A name that cannot be is the method's problem.
        """
        text = OBJECT.format(body="name = 'a-b'", plugin=", IPlugin")
        [method] = self.survey({"strange": text}).methods
        self.assertIn("impossible name: 'a-b'", str(method.problem))

    def test_useless(self) -> None:
        """
        Objects that Twisted or the registry will not find are pointed out.
        """
        inventory = self.survey(
            {
                "nameless": OBJECT.format(body="pass", plugin=", IPlugin"),
                "plain": OBJECT.format(body="name = 'plain'", plugin=""),
                "raising": OBJECT.format(
                    body="name = property(lambda self: 1 / 0)", plugin=", IPlugin"
                ),
            }
        )
        self.assertEqual(inventory.methods, [])
        failures = self.failures(inventory)
        self.assertEqual(failures["nameless.mine"], "it has no name")
        self.assertIn("no IPlugin", failures["plain.mine"])
        self.assertEqual(failures["raising"], "ZeroDivisionError: division by zero")

    def test_notOurs(self) -> None:
        """
        Plugins of other kinds are of no interest.
        """
        text = """
from twisted.application.service import ServiceMaker
service = ServiceMaker("a", "b", "c", "d")
"""
        self.assertEqual(self.survey({"foreign": text}), Inventory())


class StackTests(SurveyCase):
    """
    Stacks are methods as well.
    """

    def test_stacks(self) -> None:
        """
        They are shown with their layers, whoever defined them, and play the roles
        that all layers play.
        """
        text = GOOD + "\nfrom pyptwist.registry import StackPlugin\n"
        text += 'twice = StackPlugin("twice", "both | both")\n'
        text += 'oneway = StackPlugin("oneway", "both | reach")\n'
        text += 'never = StackPlugin("never", "both | nix")\n'
        inventory = self.survey({"good": text}, over="both over twice")
        found = {m.name: (m.roles, m.stack, m.problem) for m in inventory.methods}
        both = ["client", "server"]
        self.assertEqual(found["twice"], (both, "both | both", None))
        self.assertEqual(found["oneway"], (["client"], "both | reach", None))
        self.assertEqual(found["over"], (both, "both over twice", None))
        self.assertIn("'nix'", str(found["never"][2]))
        self.assertEqual(self.method(inventory, "over").origins, [])
        self.assertEqual(len(self.method(inventory, "twice").origins), 1)

    def test_layerFails(self) -> None:
        """
        A stack on a broken layer is broken, and nothing is logged.
        """
        text = (
            'from pyptwist.registry import TransportPlugin\nlazy = TransportPlugin("lazy", "x.Y")'
        )
        inventory = self.survey({"broken": "1 / 0", "good": GOOD, "lazy": text}, s="both | lazy")
        self.assertIn("x", str(self.method(inventory, "s").problem))

    def test_clash(self) -> None:
        """
        A stack's name must be its own.
        """
        inventory = self.survey({"good": GOOD}, both="reach | reach")
        self.assertIn("another name", str(self.method(inventory, "both").problem))

    def test_noExpression(self) -> None:
        """
        What is no expression is refused at once.
        """
        self.assertRaises(ConfigurationError, self.survey, {"good": GOOD}, s="both")


class CacheTests(SurveyCase):
    """
    What Twisted remembers must not mislead.
    """

    def setUp(self) -> None:
        [self.directory] = installPlugins(self, {"good": GOOD})
        self.cache = self.directory / "dropin.cache"
        self.assertEqual(len(list(getPlugins(IClientTransport))), 2)
        self.assertTrue(self.cache.exists())

    def replace(self, text: str) -> None:
        """
        Replace the module by one that looks older than the cache.
        """
        path = self.directory / "good.py"
        path.write_text(text)
        # What was compiled would else be taken for the present text.
        for compiled in Path(self.directory, "__pycache__").glob("*"):
            compiled.unlink()
        os.utime(path, (1, 1))
        sys.modules.pop("twisted.plugins.good", None)

    def test_fresh(self) -> None:
        """
        A cache that is right is not mentioned.
        """
        self.replace(GOOD)
        self.assertTrue(survey(Origins([])).isSound)

    def test_stale(self) -> None:
        """
        One that hides a method is, and the method is shown.
        """
        self.replace(GOOD + '\nnew = TransportPlugin("new", client="tests.memory.Hello")\n')
        self.assertEqual(len(list(getPlugins(IClientTransport))), 2)
        inventory = survey(Origins([]))
        self.assertIsNone(self.method(inventory, "new").problem)
        failures = self.failures(inventory)
        self.assertEqual(list(failures), [str(self.cache)])
        self.assertEqual(
            failures[str(self.cache)], "it is out of date about good (new); delete it"
        )

    def test_hidesFailure(self) -> None:
        """
        A module that fails fails, whatever the cache says.
        """
        self.replace("1 / 0")
        inventory = survey(Origins([]))
        self.assertEqual(list(self.failures(inventory)), ["good"])
        self.assertEqual(inventory.methods, [])

    def test_damaged(self) -> None:
        """
        A cache that cannot be read is none.
        """
        self.cache.write_bytes(b"nonsense")
        self.replace(GOOD)
        self.assertTrue(survey(Origins([])).isSound)
