"""
Every method that comes with pyptwist runs all that the kit has.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pkgutil import walk_packages
from typing import Any

from twisted.plugins import pyptwist_plugins
from twisted.trial.unittest import SynchronousTestCase

import tests.transports
from pyptwist.registry import TransportPlugin
from pyptwist.testing import CodecConformance, EndpointConformance, ManagedConformance
from tests.integration import test_managed

#: Methods whose connections are no codec each on one network connection.
_OF_ANOTHER_SHAPE = {"smux"}


def shipped() -> set[str]:
    """
    :returns: the names of the methods in our own plugin module.
    """
    return {p.name for p in vars(pyptwist_plugins).values() if isinstance(p, TransportPlugin)}


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
        Each that is made of codecs has them tested.
        """
        tested = {case.method().name for case in testCases(CodecConformance)}
        self.assertEqual(tested, shipped() - _OF_ANOTHER_SHAPE)

    def test_endpoints(self) -> None:
        """
        Each has its endpoints tested.
        """
        tested = {case.method().name for case in testCases(EndpointConformance)}
        self.assertEqual(tested, shipped())

    def test_managed(self) -> None:
        """
        Each has its processes tested.
        """
        cases = [v for v in vars(test_managed).values() if isCase(v, ManagedConformance)]
        tested = {case.methodName for case in cases}
        self.assertLessEqual(shipped(), tested)
