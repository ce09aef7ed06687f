"""
For those who write transports: codecs in pairs, a network in memory, a fake tor,
and the tests that every method must pass.
"""

from pyptwist.testing.codecs import CodecPair, fixedEntropy, memoryContext
from pyptwist.testing.conformance import CodecConformance
from pyptwist.testing.endpoints import EndpointConformance
from pyptwist.testing.faketor import FakeTor
from pyptwist.testing.managed import ManagedConformance
from pyptwist.testing.memory import MemoryNetwork, MemoryTransport

__all__ = [
    "CodecConformance",
    "CodecPair",
    "EndpointConformance",
    "FakeTor",
    "ManagedConformance",
    "MemoryNetwork",
    "MemoryTransport",
    "fixedEntropy",
    "memoryContext",
]
