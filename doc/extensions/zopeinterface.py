"""
Documents zope interfaces, which autodoc takes for plain data.

``.. interface:: pyptwist.interfaces.ICodec`` describes the interface as a class
with the methods and attributes that it declares itself.

Annotations that name interfaces are shown as they stand in the source: what
they evaluate to has no readable form.
"""

from __future__ import annotations

import inspect
from enum import Enum
from types import FunctionType, MethodType
from typing import Any

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.docstrings import prepare_docstring
from sphinx.util.docutils import SphinxDirective
from sphinx.util.inspect import stringify_signature
from sphinx.util.nodes import make_refnode
from twisted.python.reflect import namedAny
from zope.interface.interface import Method


class InterfaceDirective(SphinxDirective):
    """
    The ``interface`` directive; its argument is a dotted name.
    """

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        name = self.arguments[0]
        interface = namedAny(name)
        self.env.note_dependency(inspect.getsourcefile(inspect.getmodule(interface)))
        content = StringList(list(_interface(name, interface)), source=name)
        node = nodes.Element()
        self.state.nested_parse(content, self.content_offset, node)
        return node.children


def _interface(name: str, interface: Any) -> list[str]:
    bases = ", ".join(f":py:class:`~{base.__identifier__}`" for base in interface.__bases__)
    module, _, short = name.rpartition(".")
    lines = [f".. py:class:: {short}", f"   :module: {module}", ""]
    lines += [f"   An interface, on {bases}.", ""]
    lines += _indented(prepare_docstring(interface.getDoc()), 3)
    for member, what in interface.namesAndDescriptions():
        isMethod = isinstance(what, Method)
        kind, signature = ("method", what.getSignatureString()) if isMethod else ("attribute", "")
        lines += [f"   .. py:{kind}:: {member}{signature}", ""]
        lines += _indented(prepare_docstring(what.getDoc()), 6)
    return lines


def _indented(lines: list[str], width: int) -> list[str]:
    return [" " * width + line if line else "" for line in lines] + [""]


def sourceSignature(
    app: Sphinx, what: str, name: str, obj: Any, options: Any, signature: str, returns: str
) -> tuple[str, None] | None:
    """
    Write a signature with its annotations unevaluated.
    """
    if what not in ("class", "exception", "function", "method") or not signature:
        return None
    found = inspect.signature(obj)
    parameters = list(found.parameters.values())
    if parameters and parameters[0].name in ("self", "cls"):
        del parameters[0]
    if what in ("class", "exception"):
        found = found.replace(return_annotation=inspect.Signature.empty)
    return stringify_signature(found.replace(parameters=parameters)), None


def skipFields(
    app: Sphinx, what: str, name: str, obj: Any, skip: bool, options: Any
) -> bool | None:
    """
    Leave out attributes that are data: the class's docstring has them.
    """
    described = (property, Enum, FunctionType, MethodType)
    if what in ("class", "exception") and not isinstance(obj, described):
        return True
    return None


def resolveShortName(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, text: nodes.TextElement
) -> nodes.Node | None:
    """
    Link a class that an annotation or a docstring names without its module.
    One that is not ours stays plain text.
    """
    name = node.get("reftarget", "")
    if node.get("refdomain") != "py" or "." in name or "py:class" not in node:
        return None
    for full, entry in env.domains.python_domain.objects.items():
        if full.endswith(f".{name}"):
            return make_refnode(
                app.builder, node["refdoc"], entry.docname, entry.node_id, [text], full
            )
    return text


def setup(app: Sphinx) -> dict[str, bool]:
    """
    Called by Sphinx.
    """
    app.add_directive("interface", InterfaceDirective)
    app.connect("autodoc-process-signature", sourceSignature)
    app.connect("autodoc-skip-member", skipFields)
    app.connect("missing-reference", resolveShortName)
    return {"parallel_read_safe": True}
