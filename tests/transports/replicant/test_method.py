"""
Tests for ``pyptwist.transports.replicant.method``.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pyptwist.arguments import Arguments
from pyptwist.testing import CodecConformance, EndpointConformance
from pyptwist.transports.replicant.method import Replicant

ADDRESS = "127.0.0.1:443"
BOTH = Arguments(toneburst="Starburst", polish="DarkStar")


class TestBoth(CodecConformance, SynchronousTestCase):
    method = Replicant
    serverArguments = BOTH.updated(Arguments(serverAddress=ADDRESS))


class TestBothEndpoints(EndpointConformance, SynchronousTestCase):
    method = Replicant
    serverArguments = BOTH
