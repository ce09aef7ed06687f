"""
Tests for ``pyptwist.intermixed``.
"""

from __future__ import annotations

from twisted.python import usage
from twisted.trial.unittest import SynchronousTestCase

from pyptwist.intermixed import IntermixedOptions


class _Options(IntermixedOptions):
    optFlags = [["loud", "l", "Be loud."]]
    optParameters = [["size", "s", None, "How large."]]
    words: tuple[str, ...] = ()

    def parseArgs(self, *words: str) -> None:
        self.words = words


class IntermixedTests(SynchronousTestCase):
    """
    Tests for ``IntermixedOptions``.
    """

    def test_anywhere(self) -> None:
        """
        Options count wherever they stand; what is behind two dashes is none.
        """
        for line in (
            ["--loud", "--size=3", "a", "b"],
            ["a", "b", "--size", "3", "--loud"],
            ["a", "--size=3", "b", "-l"],
        ):
            options = _Options()
            options.parseOptions(line)
            self.assertEqual((options["loud"], options["size"]), (1, "3"))
            self.assertEqual(options.words, ("a", "b"))
        options = _Options()
        options.parseOptions(["a", "--", "--loud"])
        self.assertEqual(options.words, ("a", "--loud"))

    def test_unknown(self) -> None:
        """
        An option that there is not is an error, wherever it stands.
        """
        for line in (["--what"], ["a", "--what"], ["--size"]):
            self.assertRaises(usage.UsageError, _Options().parseOptions, line)
