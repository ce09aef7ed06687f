"""
Tests for how pyptwist is packaged: each form of it is found by ``twistd``, and
leaves Twisted whole when it goes.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import twisted
from twisted.trial.unittest import SynchronousTestCase

ROOT = Path(__file__).resolve().parents[1]
PLUGINS = "twisted/plugins/pyptwist_plugins.py"

# What is not source, or is the installation that runs these tests.
NOT_COPIED = shutil.ignore_patterns(
    ".*", "_build", "_trial_temp*", "__pycache__", "*.egg-info", "build", "dist", "dropin.cache"
)
NOT_LENT = ("pyptwist", "__editable__", "twisted", "Twisted", "__pycache__")


def run(*command: str | Path, cwd: Path, path: str = "") -> str:
    """
    Run a program that must succeed.

    :param path: the ``PYTHONPATH``.
    :returns: what it wrote.
    """
    done = subprocess.run(
        command,
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if done.returncode:
        raise AssertionError(f"{command} exited with {done.returncode}: {done.stderr}")
    return done.stdout + done.stderr


def pip(*arguments: str | Path, cwd: Path) -> str:
    """
    Run this interpreter's pip, which touches neither the network nor
    dependencies.
    """
    return run(sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments, cwd=cwd)


def makeEnvironment(directory: Path) -> Path:
    """
    Make a virtual environment that holds a Twisted of its own, so that it can
    be harmed, and borrows all else from the running one.

    :returns: its site-packages directory.
    """
    run(sys.executable, "-m", "venv", "--without-pip", directory, cwd=directory.parent)
    (site,) = directory.glob("lib/python*/site-packages")
    lender = Path(twisted.__file__).parents[1]
    for entry in lender.iterdir():
        if entry.suffix != ".pth" and not entry.name.startswith(NOT_LENT):
            (site / entry.name).symlink_to(entry)
    ignored = shutil.ignore_patterns("test", "__pycache__", "dropin.cache", Path(PLUGINS).name)
    shutil.copytree(lender / "twisted", site / "twisted", ignore=ignored)
    for metadata in lender.glob("[Tt]wisted-*.dist-info"):
        shutil.copytree(metadata, site / metadata.name)
    return site


class PackagingTests(SynchronousTestCase):
    """
    The wheel, the sdist and an editable installation.
    """

    def setUp(self) -> None:
        self.work = Path(self.mktemp()).resolve()
        self.source = self.work / "source"
        self.environment = self.work / "environment"
        shutil.copytree(ROOT, self.source, ignore=NOT_COPIED)

    def build(self, form: str) -> Path:
        """
        :param form: ``wheel`` or ``sdist``.
        :returns: the file that the build made.
        """
        target = self.work / form
        target.mkdir(exist_ok=True)
        code = f"from setuptools import build_meta as b; b.build_{form}({str(target)!r})"
        run(sys.executable, "-c", code, cwd=self.source)
        (built,) = target.iterdir()
        return built

    def twistedFiles(self) -> set[Path]:
        """
        :returns: what makes up the environment's Twisted, caches aside.
        """
        return {
            path
            for path in (self.site / "twisted").rglob("*")
            if "__pycache__" not in path.parts and path.name != "dropin.cache"
        }

    def twistd(self, *arguments: str) -> str:
        """
        Run the environment's ``twistd``, away from the source.
        """
        away = self.work / "away"
        away.mkdir(exist_ok=True)
        python = self.environment / "bin" / "python"
        code = "from twisted.scripts.twistd import run; run()"
        return run(python, "-P", "-c", code, *arguments, cwd=away)

    def isOffered(self) -> bool:
        """
        Does ``twistd`` of the environment know the ``pt`` command?
        """
        lines = self.twistd("--help").splitlines()
        self.assertIn("Commands:", lines)
        return any(line.split()[:1] == ["pt"] for line in lines)

    def assertComesAndGoes(self, *what: str | Path) -> None:
        """
        Install, use, and remove: Twisted is then what it was.
        """
        self.site = makeEnvironment(self.environment)
        before = self.twistedFiles()
        self.assertFalse(self.isOffered())
        into = ("--python", self.environment / "bin" / "python")
        offline = ("--quiet", "--no-index", "--no-deps", "--no-build-isolation")
        pip(*into, "install", *offline, *what, cwd=self.work)
        self.assertTrue(self.isOffered())
        self.assertIn("Usage", self.twistd("pt", "--help"))
        self.assertTrue((self.environment / "bin" / "pyptwist").exists())
        pip(*into, "uninstall", "--quiet", "--yes", "pyptwist", cwd=self.work)
        self.assertFalse(self.isOffered())
        self.assertFalse((self.environment / "bin" / "pyptwist").exists())
        self.assertEqual(before, self.twistedFiles())

    def test_wheel(self) -> None:
        """
        A wheel is found by ``twistd``, and removed without a trace.
        """
        self.assertComesAndGoes(self.build("wheel"))

    def test_sdist(self) -> None:
        """
        So is an sdist.
        """
        self.assertComesAndGoes(self.build("sdist"))

    def test_editable(self) -> None:
        """
        So is an editable installation.
        """
        self.assertComesAndGoes("--editable", self.source)

    def test_wheelContents(self) -> None:
        """
        The wheel holds every file of the package, one plugin file, and nothing
        else: no tests, no second ``twisted/__init__.py``.
        """
        files = {
            str(path.relative_to(self.source))
            for path in (self.source / "pyptwist").rglob("*")
            if path.is_file()
        }
        with zipfile.ZipFile(self.build("wheel")) as wheel:
            names = {name for name in wheel.namelist() if ".dist-info/" not in name}
        self.assertEqual(names, files | {PLUGINS})

    def test_sdistContents(self) -> None:
        """
        The sdist holds what the tests and the documentation need.
        """
        with tarfile.open(self.build("sdist")) as sdist:
            names = {name.partition("/")[2] for name in sdist.getnames()}
        wanted = {
            str(path.relative_to(self.source))
            for folder in ("benchmarks", "doc", "packaging", "pyptwist", "tests", "twisted")
            for path in (self.source / folder).rglob("*")
            if path.is_file() and "__pycache__" not in path.parts
        }
        self.assertEqual(wanted - names, set())
