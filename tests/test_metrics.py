"""
Tests for ``pyptwist.metrics``.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pyptwist.errors import Cause
from pyptwist.metrics import Drop, LayerMetrics, Metrics


class LayerMetricsTests(SynchronousTestCase):
    def _count(self, metrics: Metrics) -> None:
        metrics.handshakesBegun += 1
        metrics.handshakesDone += 1
        metrics.handshakesFailed[Cause.TIMEOUT] += 1
        metrics.connectionsOpen += 1
        metrics.bytesReceived += 10
        metrics.bytesSent += 20
        metrics.flowsOpen += 1
        metrics.datagramsReceived += 2
        metrics.datagramsSent += 3
        metrics.datagramsDropped[Drop.SLOW] += 4

    def test_layers(self) -> None:
        """
        Of what all layers count, the stack's counters have each thing once; only
        failures may come from anywhere.
        """
        whole = Metrics(handshakesBegun=5)
        layers = [LayerMetrics(whole, n == 0, n == 2) for n in range(3)]
        for layer in layers:
            self._count(layer)
        self.assertEqual(
            whole,
            Metrics(
                handshakesBegun=6,
                handshakesDone=1,
                handshakesFailed={Cause.TIMEOUT: 3},  # type: ignore[arg-type]
                connectionsOpen=1,
                bytesReceived=10,
                bytesSent=20,
                flowsOpen=1,
                datagramsReceived=2,
                datagramsSent=3,
                datagramsDropped={Drop.SLOW: 4},  # type: ignore[arg-type]
            ),
        )
        self.assertEqual(layers[1].handshakesBegun, 1)
        self.assertEqual(layers[2].handshakesBegun, 6)
