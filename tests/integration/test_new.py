"""
``pyptwist new``, as an author uses it: where nothing but pyptwist is installed.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.test_packaging import NOT_COPIED, ROOT, makeEnvironment, pip, run

_TWISTD = """\
#!{python}
from twisted.scripts.twistd import run

run()
"""


class NewTests(SynchronousTestCase):
    """
    The package that it writes works in each form that it can have.

    Its own tests have ``twistd pt`` and ``pyptwist`` carry data with it as tor
    starts them, on both sides.
    """

    def setUp(self) -> None:
        self.work = Path(self.mktemp()).resolve()
        source = self.work / "source"
        shutil.copytree(ROOT, source, ignore=NOT_COPIED)
        self.environment = self.work / "environment"
        makeEnvironment(self.environment)
        self.install(source)
        # Twisted itself is lent to the environment, without its scripts.
        twistd = self.environment / "bin" / "twistd"
        twistd.write_text(_TWISTD.format(python=twistd.with_name("python")))
        twistd.chmod(0o755)

    def pip(self, *arguments: str | Path) -> None:
        """
        Change what is installed in the environment.
        """
        pip("--quiet", "--python", self.environment / "bin" / "python", *arguments, cwd=self.work)

    def install(self, *what: str | Path) -> None:
        """
        Install something of which all dependencies are there.
        """
        self.pip("install", "--no-index", "--no-deps", "--no-build-isolation", *what)

    def python(self, *arguments: str, path: str = "") -> str:
        """
        Run the environment's Python in the package's directory.

        :returns: what it wrote.
        """
        return run(self.environment / "bin" / "python", *arguments, cwd=self.package, path=path)

    def listed(self, path: str = "") -> dict[str, Any]:
        """
        :returns: what ``pyptwist list`` knows, by method.
        """
        found = json.loads(self.python("-m", "pyptwist", "list", "--json", path=path))
        return {method["name"]: method for method in found["methods"]}

    def assertWorks(self, path: str = "") -> None:
        """
        It is found, and passes all of its tests.
        """
        method = self.listed(path)["demo_transport"]
        self.assertEqual(method["roles"], ["client", "server"])
        self.assertIsNone(method["problem"])
        output = self.python("-m", "twisted.trial", "tests", path=path)
        # No skips either.
        self.assertRegex(output.splitlines()[-1], r"^PASSED \(successes=[3-9]\d\)$")

    def test_everyForm(self) -> None:
        """
        It works as a folder on the path, as an editable installation and as a
        wheel; uninstalled, it is gone.
        """
        self.package = self.work / "demo_transport"
        pyptwist = self.environment / "bin" / "pyptwist"
        said = run(pyptwist, "new", "demo_transport", cwd=self.work)
        self.assertIn("-m pyptwist demo --method demo_transport", said)
        self.assertWorks("src")
        for form in (["--editable", self.package], [self.package]):
            self.install(*form)
            self.assertWorks()
            self.pip("uninstall", "--yes", "demo_transport")
        self.assertNotIn("demo_transport", self.listed())
