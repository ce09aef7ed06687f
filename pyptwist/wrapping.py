"""
Factories that stand beneath others.
"""

from __future__ import annotations

from twisted.internet.interfaces import IProtocolFactory
from twisted.internet.protocol import Factory


class WrappingFactory(Factory):
    """
    Builds what stands beneath the protocols of another factory, and passes its own
    life on to that.  A subclass writes ``buildProtocol``.
    """

    noisy = False

    def __init__(self, factory: IProtocolFactory) -> None:
        """
        :param factory: the other.
        """
        self._factory = factory

    def startFactory(self) -> None:
        self._factory.doStart()

    def stopFactory(self) -> None:
        self._factory.doStop()
