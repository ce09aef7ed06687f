"""
``.. usage:: WORDS``: what a command says of itself, in its manual page.  And links
from one page to another, where there is something to click.
"""

from __future__ import annotations

from typing import Any, ClassVar

from commandline import manual
from docutils import nodes
from sphinx.util.docutils import SphinxDirective


class Usage(SphinxDirective):
    """
    Synopsis, description and options of a command, as its code has them.
    """

    optional_arguments: ClassVar[int] = 1
    final_argument_whitespace: ClassVar[bool] = True

    def run(self) -> list[nodes.Node]:
        """
        :returns: the sections.
        """
        words = self.arguments[0].split() if self.arguments else []
        return self.parse_text_to_nodes(manual(words), allow_section_headings=True)


def link(app: Any) -> None:
    """
    Turn names of manual pages, which are all in one folder, into links.
    """
    if app.builder.format == "html":
        app.config.manpages_url = "{page}.html"


def setup(app: Any) -> dict[str, Any]:
    """
    Tell Sphinx of them.
    """
    app.connect("builder-inited", link)
    app.add_directive("usage", Usage)
    return {"parallel_read_safe": True}
