"""
Our obfs3 and obfs4proxy's.
"""

from __future__ import annotations

from twisted.trial.unittest import TestCase

from pyptwist.transports.obfs3 import Obfs3
from tests.interop.peering import PeeringTests, ProcessTests


class TestPeering(PeeringTests, TestCase):
    method = Obfs3


class TestProcesses(ProcessTests, TestCase):
    name = "obfs3"
