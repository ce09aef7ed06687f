"""
Tests for ``pyptwist.transports.smux``.
"""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from pyptwist import limits
from pyptwist.arguments import Arguments
from pyptwist.registry import Methods
from pyptwist.stacks import Stack
from pyptwist.testing import EndpointConformance
from pyptwist.transports.smux import Smux


class TestEndpoints(EndpointConformance, SynchronousTestCase):
    method = Smux
    plain = True


class Strangers:
    """
    Finds methods, and never the same smux twice: those of two stacks share nothing.
    """

    def client(self, name: str) -> Any:
        return Smux() if name == "smux" else Methods().client(name)

    def server(self, name: str) -> Any:
        return Smux() if name == "smux" else Methods().server(name)


class TestStack(EndpointConformance, SynchronousTestCase):
    method = staticmethod(lambda: Stack("smux|obfs4", methods=Strangers()))


class TestMiddle(EndpointConformance, SynchronousTestCase):
    method = staticmethod(lambda: Stack("obfs4|smux|b64", methods=Strangers()))
    plain = True


class TestVersion1(EndpointConformance, SynchronousTestCase):
    method = Smux
    plain = True
    serverArguments = Arguments(version="1")
    boundedBuffer = limits.SMUX_BUFFER + 1024 * 1024
