"""
meek's endpoints, against what every method's must do.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pyptwist.testing.endpoints import EndpointConformance
from pyptwist.transports.meek.method import Meek, MeekLite


class MeekTests(EndpointConformance, SynchronousTestCase):
    """
    Ours at both ends.
    """

    method = Meek
    plain = True

    def test_prober(self) -> None:
        """
        Strangers see a web server: which answers who speaks its language, lets nobody
        in, and keeps nobody.
        """
        requests = b"GET / HTTP/1.0\r\n\r\n", b"POST / HTTP/1.1\r\n\r\n"
        for sent in (b"", b"\0", b"\n" * 9999, *requests):
            seen = self._probe(sent)
            self.assertFalse(seen.wasLetIn)
            self.assertIsNotNone(seen.after)
            if sent in requests:
                self.assertTrue(seen.answer.startswith(b"HTTP/1."), seen.answer)


class MeekLiteTests(MeekTests):
    """
    Under the other name.
    """

    method = MeekLite
