"""
Every method that comes with pyptwist runs all that the kit has.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pkgutil import walk_packages
from typing import Any

from twisted.plugins import pyptwist_plugins
from twisted.python.reflect import namedAny
from twisted.trial.unittest import SynchronousTestCase

import tests.transports
from pyptwist.endpoints import CodecClientTransport
from pyptwist.registry import TransportPlugin
from pyptwist.testing import CodecConformance, ManagedConformance
from pyptwist.testing.endpointcase import EndpointCase
from tests.integration import test_managed


def shipped() -> set[str]:
    """
    :returns: the names of the methods in our own plugin module, of which some have two
        spellings, in lower case.
    """
    plugins = vars(pyptwist_plugins).values()
    return {p.name.lower() for p in plugins if isinstance(p, TransportPlugin)}


def clientOnly() -> set[str]:
    """
    :returns: those of them that have no server of their own.
    """
    plugins = (p for p in vars(pyptwist_plugins).values() if isinstance(p, TransportPlugin))
    return {p.name.lower() for p in plugins if p._server is None}


def ofCodecs() -> set[str]:
    """
    :returns: the names of those that are one to one, and made of a codec.
    """
    methods = [p for p in vars(pyptwist_plugins).values() if isinstance(p, TransportPlugin)]
    clients = {p.name.lower(): namedAny(p._client) for p in methods}
    return {name for name, client in clients.items() if issubclass(client, CodecClientTransport)}


def isCase(value: object, mixin: type) -> bool:
    """
    Is it a test case that has a mixin?
    """
    return (
        isinstance(value, type)
        and issubclass(value, mixin)
        and issubclass(value, SynchronousTestCase)
    )


def testCases(mixin: type) -> Iterator[Any]:
    """
    :returns: the test cases in ``tests.transports`` that have a mixin.
    """
    for found in walk_packages(tests.transports.__path__, "tests.transports."):
        for value in vars(import_module(found.name)).values():
            if isCase(value, mixin):
                yield value


class CompletenessTests(SynchronousTestCase):
    """
    No method can be forgotten.
    """

    def test_codecs(self) -> None:
        """
        Each that has codecs has them tested.
        """
        tested = {case.method().name.lower() for case in testCases(CodecConformance)}
        self.assertLessEqual(ofCodecs(), tested)

    def test_endpoints(self) -> None:
        """
        Each has its endpoints tested: those without streams beneath by parts of the
        kit.
        """
        tested = {case.method().name.lower() for case in testCases(EndpointCase)}
        self.assertLessEqual(shipped(), tested)

    def test_managed(self) -> None:
        """
        Each that has a server has its processes tested.
        """
        cases = [v for v in vars(test_managed).values() if isCase(v, ManagedConformance)]
        tested = {case.methodName.lower() for case in cases}
        self.assertLessEqual(shipped() - clientOnly(), tested)
