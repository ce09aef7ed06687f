"""
Several URLs and fronts.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pyptwist.arguments import Arguments
from pyptwist.errors import ConfigurationError
from pyptwist.transports.meek.targets import oneTarget

#: As lyrebird's own example has it.
TARGETS = (
    "https://xxx.rsc.cdn77.org|www.phpmyadmin.net+www.cdn77.org,"
    "https://xxx.netlify.app|vuejs.org+nettlify.com"
)


def one(chosen: int = 0, **arguments: str) -> Arguments:
    """
    :param chosen: what chance says.
    """
    return oneTarget(Arguments(arguments), lambda count: chosen.to_bytes(count, "big"))


class TargetsTests(SynchronousTestCase):
    """
    Tests for ``oneTarget``.
    """

    def test_none(self) -> None:
        """
        What there is without them.
        """
        arguments = Arguments(url="https://a.example/", front="b.example")
        self.assertEqual(one(url="https://a.example/", front="b.example"), arguments)

    def test_each(self) -> None:
        """
        Each can be chosen, and counts more than what stands beside.
        """
        found = [one(i, targets=TARGETS, url="https://a.example/", utls="none") for i in range(5)]
        first, second = "https://xxx.rsc.cdn77.org", "https://xxx.netlify.app"
        expected = [
            Arguments(utls="none", url=url, front=front)
            for url, front in (
                (first, "www.phpmyadmin.net"),
                (first, "www.cdn77.org"),
                (second, "vuejs.org"),
                (second, "nettlify.com"),
                (first, "www.phpmyadmin.net"),
            )
        ]
        self.assertEqual(
            [dict(each.texts()) for each in found], [dict(e.texts()) for e in expected]
        )

    def test_noFront(self) -> None:
        """
        As with ``url`` alone.
        """
        self.assertEqual(one(targets="https://a.example|"), Arguments(url="https://a.example"))

    def test_wrong(self) -> None:
        """
        None of them may be wrong, whichever is chosen.
        """
        for text in (
            "",
            "https://a.example",
            "|b.example",
            "https://a.example|b.example,",
            "https://a.example|b,ftp://a.example|b",
            "https://a.example|b c",
        ):
            error = self.assertRaises(ConfigurationError, one, targets=text)
            self.assertIn("'targets'", str(error))
