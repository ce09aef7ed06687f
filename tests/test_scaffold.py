"""
Tests for ``pyptwist.scaffold``: the package that it writes is a template under
another name, whole or not at all.
"""

from __future__ import annotations

import ast
import os
import shlex
import shutil
import sys
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from pyptwist import limits, scaffold
from pyptwist.errors import ConfigurationError
from pyptwist.scaffold import package
from pyptwist.scaffold.names import className
from pyptwist.scaffold.package import render, writePackage
from tests.plugins import installPlugins
from tests.test_main import MainCase
from tests.test_packaging import NOT_COPIED

TEMPLATE = Path(scaffold.__file__).parent / "template"

_LINE = 88  # what ruff takes, unless it is told otherwise
_LONGEST = "a_" * (limits.SCAFFOLD_NAME // 2 - 1) + "bc"

_OTHERS = """
from pyptwist.registry import TransportPlugin

mine = TransportPlugin("fog", client="nowhere.Fog")
nameless = TransportPlugin(None, server="nowhere.Fog")
"""


def _texts(directory: Path) -> dict[str, str]:
    """
    :returns: the text of each file in a directory, by its path.
    """
    return {
        str(path.relative_to(directory)): path.read_text(encoding="utf-8")
        for path in directory.rglob("*")
        if path.is_file()
    }


class NameTests(SynchronousTestCase):
    """
    What a package may be called.
    """

    def assertRefused(self, name: str, reason: str) -> None:
        """
        There is no package of that name, and the error says why.
        """
        with self.assertRaisesRegex(ConfigurationError, reason):
            render(name)

    def test_spelling(self) -> None:
        """
        A name must do for a method, for a Python package and for pip.
        """
        for name in (
            "",
            "_",
            "demo-transport",
            "9lives",
            "two words",
            "_x",
            "x_",
            "é",
            "x\n",
            "a.b",
        ):
            self.assertRefused(name, "use letters, digits and underscores")

    def test_suggestion(self) -> None:
        """
        A name that is nearly right is put right.
        """
        self.assertRefused("my-own transport_", "as in my_own_transport$")
        self.assertRefused("9-lives", "as in lives$")
        self.assertRefused("--", "underscore last$")

    def test_length(self) -> None:
        """
        The longest name is as long as it may be.
        """
        self.assertEqual(len(_LONGEST), limits.SCAFFOLD_NAME)
        self.assertIn(f"src/{_LONGEST}/codec.py", render(_LONGEST))
        self.assertRefused(_LONGEST + "d", f"at most {limits.SCAFFOLD_NAME} characters")

    def test_keyword(self) -> None:
        """
        Python's own words cannot be imported.
        """
        self.assertRefused("class", "choose another name, such as class_transport")
        render("class_transport")

    def test_class(self) -> None:
        """
        The class has a name that nothing else in the code has.
        """
        self.assertRefused("client_codec", "its class would be called ClientCodec")
        self.assertRefused("context", "its class would be called Context")
        self.assertRefused("none", "its class would be called None")
        self.assertRefused("timeout_error", "its class would be called TimeoutError")

    def test_installedMethod(self) -> None:
        """
        A method that is there already would clash; one without a name does not.
        """
        self.assertRefused("obfs4", "transport method obfs4 is installed")
        installPlugins(self, {"others": _OTHERS})
        self.assertRefused("fog", "transport method fog is installed")
        render("obfs4")

    def test_installedModule(self) -> None:
        """
        Nor may it hide a module, or be taken by pip for another release of what
        is installed.
        """
        self.assertRefused("json", "package json exists")
        self.assertRefused("twisted", "package twisted exists")
        self.assertRefused("Service_Identity", "package Service_Identity exists")
        self.assertRefused("tests", "package tests exists")

    def test_directoryOnPath(self) -> None:
        """
        A directory that happens to be on the path is no package.
        """
        there = Path(self.mktemp()).resolve()
        (there / "plain_directory").mkdir(parents=True)
        self.patch(sys, "path", [str(there), *sys.path])
        render("plain_directory")
        (there / "plain_directory" / "__init__.py").touch()
        self.assertRefused("plain_directory", "package plain_directory exists")

    def test_className(self) -> None:
        """
        A class is called as Twisted calls classes.
        """
        names = ["demo_transport", "x", "myPT", "obfs_5b", "a__b", "Veil"]
        expected = ["DemoTransport", "X", "MyPT", "Obfs5b", "AB", "Veil"]
        self.assertEqual([className(name) for name in names], expected)


class RenderTests(SynchronousTestCase):
    """
    The template, under the names of others.
    """

    def test_itsOwnName(self) -> None:
        """
        Under the template's own name, the package is all of the template.
        """
        copy = Path(self.mktemp())
        shutil.copytree(TEMPLATE, copy, ignore=NOT_COPIED)
        files = _texts(copy)
        files[".gitignore"] = files.pop("gitignore")
        self.assertEqual(render("demo_transport"), files)

    def test_otherName(self) -> None:
        """
        Nothing is left of the template's own name.
        """
        for path, text in render("fog").items():
            self.assertNotRegex(path + text, "(?i)demo_?transport")

    def test_nameAroundTheOther(self) -> None:
        """
        A name may hold the template's.
        """
        files = render("my_demo_transport")
        method = files["src/my_demo_transport/method.py"]
        self.assertIn("class MyDemoTransport(", method)
        self.assertIn(' name = "my_demo_transport"', method)

    def test_shape(self) -> None:
        """
        However long the name is, the code parses, and no line is too long for
        the linter that the package is set up for.
        """
        for name in ("x", _LONGEST):
            for path, text in render(name).items():
                if path.endswith(".py"):
                    ast.parse(text)
                    self.assertLessEqual(max(map(len, text.splitlines())), _LINE, path)

    def test_pluginDirectory(self) -> None:
        """
        Where Twisted looks for plugins there is no ``__init__.py``: with one, it
        would not look.
        """
        plugins = [path for path in render("fog") if path.startswith("src/twisted/")]
        self.assertEqual(plugins, ["src/twisted/plugins/fog_plugin.py"])


class WriteTests(SynchronousTestCase):
    """
    Tests for ``writePackage``.
    """

    def setUp(self) -> None:
        self.directory = Path(self.mktemp())

    def assertRefused(self, reason: str) -> None:
        """
        The error says what is wrong.
        """
        with self.assertRaisesRegex(ConfigurationError, reason):
            writePackage("fog", self.directory)

    def test_allOfIt(self) -> None:
        """
        Each file is written.
        """
        writePackage("fog", self.directory)
        self.assertEqual(_texts(self.directory), render("fog"))

    def test_existing(self) -> None:
        """
        A directory, even an empty one, and a file stay as they are.
        """
        self.directory.mkdir()
        self.assertRefused("exists already; remove it, or name another one with --directory")
        self.assertEqual(_texts(self.directory), {})
        self.directory.rmdir()
        self.directory.write_text("mine")
        self.assertRefused("exists already")
        self.assertEqual(self.directory.read_text(), "mine")

    def test_noParent(self) -> None:
        """
        A directory is not made where a spelling mistake may have led.
        """
        self.directory = self.directory / "fog"
        self.assertRefused(r"cannot make .* \(No such file or directory\); name a new directory")
        self.assertFalse(self.directory.parent.exists())

    def test_wrongName(self) -> None:
        """
        Nothing is made for a name that will not do.
        """
        with self.assertRaises(ConfigurationError):
            writePackage("obfs4", self.directory)
        self.assertFalse(self.directory.exists())

    def test_halfWay(self) -> None:
        """
        What cannot be written whole is taken away.
        """
        self.patch(package, "render", lambda name: {"first": "text", "x" * 999: "text"})
        self.assertRefused("cannot write x+ \\(File name too long\\)")
        self.assertFalse(self.directory.exists())


class CommandTests(MainCase):
    """
    Tests for ``pyptwist new``.
    """

    def setUp(self) -> None:
        super().setUp()
        self.directory = os.path.join(os.path.abspath(self.mktemp()), "a package")
        os.mkdir(os.path.dirname(self.directory))

    def test_written(self) -> None:
        """
        It writes a package, and says how to enter, test, list and run it.
        """
        self.assertIsNone(self.run_("new", "fog", "--directory", self.directory))
        self.assertTrue(os.path.isfile(os.path.join(self.directory, "src/fog/codec.py")))
        lines = self.outputs.getvalue().splitlines()
        commands = [shlex.split(line) for line in lines if line.startswith("    ")]
        python = ["PYTHONPATH=src", sys.executable, "-m"]
        self.assertEqual(
            commands,
            [
                ["cd", self.directory],
                [*python, "twisted.trial", "tests"],
                [*python, "pyptwist", "list"],
                [*python, "pyptwist", "demo", "--method", "fog"],
            ],
        )

    def test_path(self) -> None:
        """
        Who reached pyptwist by PYTHONPATH reaches it on.
        """
        os.environ["PYTHONPATH"] = "/some/where"
        self.run_("new", "fog", "--directory", self.directory)
        self.assertIn("    PYTHONPATH=src:/some/where ", self.outputs.getvalue())

    def test_optionsFirst(self) -> None:
        """
        The name may stand behind the options.
        """
        self.assertIsNone(self.run_("new", f"--directory={self.directory}", "fog"))
        self.assertTrue(os.path.isdir(self.directory))

    def test_here(self) -> None:
        """
        Without a directory it is one of the package's name, here.
        """
        here = os.getcwd()
        self.addCleanup(os.chdir, here)
        os.chdir(os.path.dirname(self.directory))
        self.assertIsNone(self.run_("new", "fog"))
        self.assertEqual(os.listdir(), ["fog"])

    def test_refused(self) -> None:
        """
        What is wrong is said in a sentence, with a way on.
        """
        way = "\nTry: pyptwist new --help"
        wanted = "pyptwist: one name is needed, as in: pyptwist new demo_transport" + way
        self.assertEqual(self.run_("new"), wanted)
        self.assertEqual(self.run_("new", "fog", "mist"), wanted)
        self.assertRegex(
            str(self.run_("new", "obfs4", "--directory", self.directory)),
            "^pyptwist: a transport method obfs4 .*; choose another .*" + way,
        )
        self.assertFalse(os.path.exists(self.directory))
