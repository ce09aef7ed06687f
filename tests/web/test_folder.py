"""
Tests for ``pyptwist.web.folder``.
"""

from __future__ import annotations

import errno
import os
from typing import Any, NoReturn

from pyptwist.arguments import Arguments
from pyptwist.web.contenttypes import File
from pyptwist.web.folder import Folder, siteRoot
from tests.transports.webtunnel.test_site import SiteCase


def _raising(error: Exception) -> Any:
    def raises(_: object) -> NoReturn:
        raise error

    return raises


class FolderTests(SiteCase):
    """
    What a folder shows.
    """

    def get(self, path: bytes) -> bytes:
        """
        :returns: what is answered.
        """
        return self.ask(b"GET " + path + b" HTTP/1.1\r\nHost: a\r\n\r\n")

    def test_shown(self) -> None:
        """
        Files, and what is well known.
        """
        self.assertIn(b"Ordinary", self.get(b"/"))
        self.assertIn(b"Ordinary", self.get(b"/index.html"))
        self.assertIn(b"proven", self.get(b"/.well-known/proof"))

    def test_hidden(self) -> None:
        """
        No lists, nothing that is hidden, nothing from elsewhere.
        """
        for path in (
            b"/sub/",
            b"/.well-known/",
            b"/.hidden",
            b"/%2ehidden",
            b"/sub/../.hidden",
            b"/../" * 9 + b"etc/passwd",
            b"/%2e%2e/%2e%2e/etc/passwd",
            b"/..%2f..%2fetc/passwd",
            b"//etc/passwd",
            b"/index.html%00",
            b"/x%2f..%2f.hidden",
            b"/x%2f..%2f.well-known/proof",
            b"/sub%2f../index.html",
            b"/.%2f",
        ):
            self.assertIn(b"404", self.get(path).partition(b"\r\n")[0], path)

    def test_notFound(self) -> None:
        """
        In the words of the site, if it has a page for that; it may come and go.
        """
        self.assertTrue(self.get(b"/nothing").endswith(b"\r\n\r\n404 page not found\n"))
        (self.folder / "404.html").write_text("Gone fishing.")
        for path in (b"/nothing", b"/secret", b"/sub/", b"/sub/nothing", b"/.hidden"):
            self.assertIn(b"404 Not Found", self.get(path))
            self.assertTrue(self.get(path).endswith(b"\r\n\r\nGone fishing."))
        self.assertIn(b"200 OK", self.get(b"/404.html"))

    def test_redirect(self) -> None:
        """
        To a folder, by its name alone: who knows what the visitor calls this server?
        """
        (self.folder / "a:b").mkdir()
        for path, place in (
            (b"/sub", b"sub/"),
            (b"/sub?a=b?c", b"sub/?a=b?c"),
            (b"http://a/sub", b"sub/"),
            (b"/a:b", b"a%3Ab/"),
        ):
            head, _, body = self.get(path).partition(b"\r\n\r\n")
            self.assertTrue(head.startswith(b"HTTP/1.1 301 Moved Permanently\r\n"), path)
            self.assertIn(b"Location: %b\r\n" % place, head + b"\r\n")
            self.assertEqual(body, b"")

    def test_ranges(self) -> None:
        """
        A part of a file is sent.  Many parts would be as much as anybody likes, and
        what is malformed is nothing.
        """
        for wanted, status in (
            (b"bytes=5-14", b"206"),
            (b"bytes=199990-", b"206"),
            (b"bytes=-10", b"206"),
            (b"bytes=-200000", b"206"),
            (b"bytes=-200001", b"206"),
            (b"bytes=200000-", b"416"),
            (b"bytes=0-199999,0-199999", b"200"),
            (b"bytes=" + b"0-," * 500, b"200"),
            (b"bytes=9-1", b"200"),
            (b"bytes=" + b"9" * 5000 + b"-", b"200"),
            (b"bytes=\xb2-", b"200"),
            (b"\xff", b"200"),
        ):
            answer = self.ask(b"GET /big HTTP/1.1\r\nHost: a\r\nRange: " + wanted + b"\r\n\r\n")
            head, _, body = answer.partition(b"\r\n\r\n")
            self.assertEqual(head.split()[1], status, wanted)
            self.assertIn(b"Content-Length: %d\r\n" % len(body), head + b"\r\n")
            if status == b"416":
                self.assertIn(b"Content-Range: bytes */200000\r\n", head)
                self.assertEqual(body, b"invalid range: failed to overlap\n")
            else:
                isPart = status == b"206" and b"-2" not in wanted
                self.assertEqual(len(body), 10 if isPart else 200_000)

    def test_types(self) -> None:
        """
        An archive is sent as one; and what has no type is not said to be a page.
        """
        for name, kind in (("a.tar.gz", b"application/gzip"), ("a", b"application/octet-stream")):
            (self.folder / name).write_text("a")
            answer = self.get(b"/" + name.encode())
            self.assertIn(b"\r\nContent-Type: %b\r\n" % kind, answer)
            self.assertNotIn(b"Content-Encoding", answer)

    def test_changed(self) -> None:
        """
        A part of what a file was some time ago is not sent: the file is.
        """
        whole = self.get(b"/big")
        said = whole.partition(b"Last-Modified: ")[2].partition(b"\r\n")[0]
        for condition, status in (
            (said, b"206"),
            (b"Fri, 01 Jan 2100 00:00:00 GMT", b"200"),
            (b'"a"', b"200"),
        ):
            answer = self.ask(
                b"GET /big HTTP/1.1\r\nHost: a\r\nRange: bytes=0-1\r\nIf-Range: %b\r\n\r\n"
                % condition
            )
            self.assertEqual(answer.split()[1], status, condition)

    def shortened(self, file: str, request: bytes) -> tuple[bytes, bool]:
        """
        :returns: what is answered while the file loses its end; and is that all?
        """
        theirs = self.connect()
        producer = self.patch(Folder, "getsize", lambda _: 300_000)
        seen = theirs.say(request * 2)
        producer.restore()
        return seen, not theirs.isOpen

    def test_shortened(self) -> None:
        """
        Of a file that loses its end on its way no more can be sent; the next answer
        would be taken for it.
        """
        seen, isOver = self.shortened("big", b"GET /big HTTP/1.1\r\nHost: a\r\n\r\n")
        head, _, body = seen.partition(b"\r\n\r\n")
        self.assertIn(b"Content-Length: 300000\r\n", head)
        self.assertEqual(len(body), 200_000)
        self.assertTrue(isOver)

    def test_unopened(self) -> None:
        """
        What cannot be opened is a refusal like others, and not in the log; nor is a pipe
        waited for.
        """
        (self.folder / "pipe").symlink_to(os.devnull)
        head, _, body = self.get(b"/pipe").partition(b"\r\n\r\n")
        self.assertTrue(head.startswith(b"HTTP/1.1 403 Forbidden\r\n"))
        self.assertNotIn(b"Accept-Ranges", head)
        self.assertEqual(body, b"403 Forbidden\n")
        error = OSError(errno.EMFILE, "Too many open files", str(self.folder / "big"))
        opening = self.patch(File, "openForReading", _raising(error))
        head, _, body = self.get(b"/big").partition(b"\r\n\r\n")
        opening.restore()
        self.assertTrue(head.startswith(b"HTTP/1.1 500 "))
        self.assertNotIn(b"Accept-Ranges", head)
        (failure,) = self.flushLoggedErrors(OSError)
        self.assertNotIn("big", failure.getTraceback())

    def test_unreadable(self) -> None:
        """
        What can be no file's name is nothing, and no error in the log.
        """
        for path in (b"/%ff", b"/%00", b"/" + b"x" * 5000, b"/sub/%ed%a0%80"):
            self.assertIn(b"404", self.get(path).partition(b"\r\n")[0], path)

    def test_none(self) -> None:
        """
        Without the option there is none.
        """
        self.assertIsNone(siteRoot(Arguments()))
