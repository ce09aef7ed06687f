"""
smux as a layer, as what every endpoint must be.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pyptwist.stacks import Stack
from pyptwist.testing import EndpointConformance
from tests.multiplex.worlds import Strangers


class TestStack(EndpointConformance, SynchronousTestCase):
    method = staticmethod(lambda: Stack("smux|obfs4", methods=Strangers()))


class TestMiddle(EndpointConformance, SynchronousTestCase):
    method = staticmethod(lambda: Stack("obfs4|smux|b64", methods=Strangers()))
    plain = True
