"""
Tests for ``pyptwist.transports.shadow.method``: both kinds, both sides.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pyptwist.arguments import Arguments
from pyptwist.testing import CodecConformance, EndpointConformance
from pyptwist.transports.shadow.method import Shadow
from tests.transports.shadow.clientfirst import ClientFirstCodecs, ClientFirstEndpoints

ADDRESS = "127.0.0.1:443"


class TestDarkStar(CodecConformance, SynchronousTestCase):
    method = Shadow
    serverArguments = Arguments(serverAddress=ADDRESS)


class TestDarkStarEndpoints(EndpointConformance, SynchronousTestCase):
    method = Shadow


class TestClassic(ClientFirstCodecs, SynchronousTestCase):
    method = Shadow
    serverArguments = Arguments(cipherName="AEAD_CHACHA20_POLY1305", password="correct-horse")


class TestClassicEndpoints(ClientFirstEndpoints, SynchronousTestCase):
    method = Shadow
    serverArguments = Arguments(cipherName="aes-128-gcm")
