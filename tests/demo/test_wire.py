"""
Tests for ``pyptwist.demo.wire``.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pyptwist.demo.wire import Beginnings, excerpt


class BeginningsTests(SynchronousTestCase):
    """
    Tests for ``Beginnings``.
    """

    def test_kept(self) -> None:
        """
        The beginning of each direction is kept.
        """
        seen = Beginnings()
        client, server = seen.watch()
        data = bytes(range(200))
        client(data)
        server(data[:30])
        server(data[30:])
        self.assertEqual((b"".join(seen.client), b"".join(seen.server)), (data[:64], data[:64]))
        self.assertFalse(seen.isDatagrams)

    def test_datagrams(self) -> None:
        """
        Of datagrams the first three of each direction are kept, with their beginnings.
        """
        seen = Beginnings()
        client, server = seen.watchDatagrams()
        for size in (100, 0, 30, 20):
            client(bytes(size))
        server(b"x")
        self.assertEqual(seen.client, [bytes(64), b"", bytes(30)])
        self.assertEqual(seen.server, [b"x"])
        self.assertTrue(seen.isDatagrams)

    def test_last(self) -> None:
        """
        It is the last connection's.
        """
        seen = Beginnings()
        before, _ = seen.watch()
        before(b"a")
        seen.watch()
        before(b"b")
        self.assertEqual((seen.client, seen.server), ([], []))


class ExcerptTests(SynchronousTestCase):
    """
    Tests for ``excerpt``.
    """

    def test_rows(self) -> None:
        """
        Rows of sixteen, in hex and as text.
        """
        self.assertEqual(
            excerpt(b"GET / HTTP/1.1\r\n\xffz"),
            "    47 45 54 20 2f 20 48 54 54 50 2f 31 2e 31 0d 0a  GET / HTTP/1.1..\n"
            "    ff 7a" + " " * 44 + ".z",
        )

    def test_bounded(self) -> None:
        """
        Four rows at most.
        """
        self.assertEqual(excerpt(b"").count("\n"), 0)
        self.assertEqual(excerpt(bytes(1000)).count("\n"), 3)
