"""
Tests for ``pyptwist.transports.starbridge``.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pyptwist.arguments import Arguments
from pyptwist.testing import CodecConformance, EndpointConformance
from pyptwist.transports.starbridge import Starbridge

ADDRESS = "127.0.0.1:443"


class TestConformance(CodecConformance, SynchronousTestCase):
    method = Starbridge
    serverArguments = Arguments(serverAddress=ADDRESS)


class TestEndpoints(EndpointConformance, SynchronousTestCase):
    method = Starbridge
