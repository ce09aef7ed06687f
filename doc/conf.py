"""
How Sphinx builds these pages: ``sphinx-build -n -W doc doc/_build``.
"""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE / "extensions")]

import commandline  # noqa: E402

import pyptwist  # noqa: E402

project = "pyptwist"
author = copyright = "The pyptwist authors"
version = release = pyptwist.__version__

extensions = ["sphinx.ext.autodoc", "sphinx.ext.doctest", "zopeinterface", "manpages"]
exclude_patterns = ["_build", "examples"]

html_theme = "alabaster"
html_theme_options = {"description": "Pluggable transports for Twisted", "page_width": "70em"}
html_sidebars = {"**": ["about.html", "navigation.html", "searchbox.html"]}

man_pages = [
    (f"man/{name}", name, text, author, 1)
    for name, text in (
        (commandline.pageName(words), text) for words, text in commandline.commands().items()
    )
]

autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_default_options = {"members": True, "undoc-members": False}
add_module_names = False

nitpicky = True
# No other project's index is fetched, so what lies outside cannot be linked.
nitpick_ignore_regex = [
    (
        r"py:.*",
        r"(SSL|asyncio|collections|enum|ipaddress|os|pathlib|re|socket|twisted|types|typing|zope)"
        r"\..*",
    ),
]

doctest_global_setup = """
from pyptwist.addresses import HostPort
from pyptwist.arguments import Arguments
"""
