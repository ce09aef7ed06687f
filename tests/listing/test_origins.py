"""
Tests for ``pyptwist.listing.origins``.
"""

from __future__ import annotations

import json
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from pyptwist.listing.origins import Origin, Origins


class OriginsTests(SynchronousTestCase):
    """
    Tests for ``Origins``.
    """

    def setUp(self) -> None:
        self.site = Path(self.mktemp()).resolve()
        self.plugin = self.site / "twisted" / "plugins" / "some_plugin.py"
        self.plugin.parent.mkdir(parents=True)
        self.plugin.touch()

    def install(self, **files: str) -> None:
        """
        Write a package's records.
        """
        records = self.site / "some_package-1.2.dist-info"
        records.mkdir()
        (records / "METADATA").write_text(
            "Metadata-Version: 2.1\nName: some-package\nVersion: 1.2\n"
        )
        for name, text in files.items():
            (records / name.replace("_json", ".json")).write_text(text)

    def origin(self) -> Origin:
        """
        :returns: of the plugin.
        """
        return Origins([str(self.site)]).of(str(self.plugin))

    def test_package(self) -> None:
        """
        A file that a package lists came with that package.
        """
        self.install(RECORD="some_module.py,,\ntwisted/plugins/some_plugin.py,,\n")
        self.assertEqual(self.origin(), Origin(str(self.site), "some-package", "1.2"))
        self.assertEqual(str(self.origin()), "some-package 1.2")

    def test_folder(self) -> None:
        """
        Others came with the folder where they are.
        """
        self.install(RECORD="some_module.py,,\nelsewhere/some_plugin.py,,\n")
        self.assertEqual(self.origin(), Origin(str(self.site)))
        self.assertEqual(str(self.origin()), f"folder {self.site}")

    def test_editable(self) -> None:
        """
        An editable installation has its files where its source is.
        """
        source = Path(self.mktemp()).resolve() / "with blank"
        self.plugin = source / "src" / "twisted" / "plugins" / "some_plugin.py"
        url = f"file://{source}".replace(" ", "%20")
        self.install(
            RECORD="some_package.pth,,\n",
            direct_url_json=json.dumps({"url": url, "dir_info": {"editable": True}}),
        )
        self.assertEqual(self.origin(), Origin(str(source), "some-package", "1.2", True))
        self.assertEqual(str(self.origin()), f"some-package 1.2 (editable, {source})")

    def test_environmentInside(self) -> None:
        """
        An environment in the source of an editable installation is no part of it.
        """
        source = Path(self.mktemp()).resolve()
        folder = source / ".venv" / "lib" / "python3" / "site-packages"
        self.plugin = folder / "twisted" / "plugins" / "some_plugin.py"
        self.install(
            RECORD="some_package.pth,,\n",
            direct_url_json=json.dumps(
                {"url": f"file://{source}", "dir_info": {"editable": True}}
            ),
        )
        self.assertEqual(self.origin(), Origin(str(folder)))

    def test_notEditable(self) -> None:
        """
        What was installed from a folder is not used there.
        """
        self.install(
            RECORD="x.py,,\n",
            direct_url_json=json.dumps({"url": f"file://{self.site}", "dir_info": {}}),
        )
        self.assertEqual(self.origin(), Origin(str(self.site)))

    def test_checkout(self) -> None:
        """
        What a build left in a checkout does not make it a package.
        """
        records = self.site / "some_package.egg-info"
        records.mkdir()
        (records / "PKG-INFO").write_text("Name: some-package\nVersion: 1.2\n")
        (records / "SOURCES.txt").write_text("twisted/plugins/some_plugin.py\n")
        self.assertEqual(self.origin(), Origin(str(self.site)))

    def test_damaged(self) -> None:
        """
        Damaged records are nobody's.
        """
        self.install(RECORD="twisted/plugins/other.py,,\n", direct_url_json="{")
        self.assertEqual(self.origin(), Origin(str(self.site)))

    def test_elsewhere(self) -> None:
        """
        A plugin path may be any directory.
        """
        self.assertEqual(Origins([]).of("/a/b/c.py"), Origin("/a/b"))

    def test_ours(self) -> None:
        """
        By itself it looks at what is installed here.
        """
        import twisted.plugin

        origin = Origins().of(twisted.plugin.__file__)
        self.assertEqual(str(origin.distribution).lower(), "twisted")
