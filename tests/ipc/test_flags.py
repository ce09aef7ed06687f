"""
Tests for ``pyptwist.ipc.flags``.
"""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pyptwist import tap
from pyptwist.ipc.flags import (
    FLAGS,
    OWN_VALUED,
    FlagError,
    isServing,
    nearest,
    normalised,
    offeredVersions,
)

_VALUED = [*OWN_VALUED, *(flag.name for flag in FLAGS.values() if flag.value)]
_PLAIN = ["help", "unsafe-logging", *(flag.name for flag in FLAGS.values() if not flag.value)]

_TEXT = st.text(max_size=8)
_OPTION = st.one_of(
    st.sampled_from(_PLAIN).map(lambda name: ([name], None)),
    st.tuples(st.sampled_from(_VALUED).map(lambda name: [name]), _TEXT),
)


def normal(*arguments: str) -> list[str]:
    return normalised(arguments, _VALUED, _PLAIN)


class NormalisedTests(SynchronousTestCase):
    """
    Tests for ``normalised``.
    """

    def test_dashes(self) -> None:
        """
        One dash or two, a value behind a blank or an equal sign: all the same.
        """
        for dashes in ("-", "--"):
            self.assertEqual(
                normal(f"{dashes}state", "x", f"{dashes}client"), ["--state", "x", "--client"]
            )
            self.assertEqual(normal(f"{dashes}state=x=y"), ["--state=x=y"])
            self.assertEqual(normal(f"{dashes}log-file", "-x"), ["--log-file", "-x"])

    def test_values(self) -> None:
        """
        A value may look like an option.
        """
        self.assertEqual(normal("-state", "-client"), ["--state", "-client"])
        self.assertEqual(normal("-options", "{}", "-udp"), ["--options", "{}", "--udp"])
        self.assertEqual(normal("-state"), ["--state"])
        self.assertEqual(normal("-state="), ["--state="])

    def test_truths(self) -> None:
        """
        Go's flags without a value may have one, which says whether they hold.
        """
        for text in ("1", "t", "T", "true", "TRUE", "True"):
            self.assertEqual(normal(f"-client={text}"), ["--client"])
        for text in ("0", "f", "F", "false", "FALSE", "False"):
            self.assertEqual(normal(f"-client={text}", "-server"), ["--server"])
        for text in ("", "yes", "2", " 1"):
            error = self.assertRaises(FlagError, normal, f"-client={text}")
            self.assertEqual(str(error), "-client is true or false")

    def test_exitOnStdinClose(self) -> None:
        """
        The specs have this one "set to 1", and show it bare.
        """
        bare = ["--exit-on-stdin-close", "--client"]
        for said in (
            ["-exit-on-stdin-close"],
            ["-exit-on-stdin-close", "1"],
            ["-exit-on-stdin-close=1"],
        ):
            self.assertEqual(normal(*said, "-client"), bare)
        for said in (["-exit-on-stdin-close", "0"], ["-exit-on-stdin-close=false"]):
            self.assertEqual(normal(*said, "-client"), ["--client"])

    def test_twice(self) -> None:
        """
        Order never matters, so nothing is said twice.
        """
        for arguments in (("-state", "x", "--state=y"), ("-client", "-client=false")):
            error = self.assertRaises(FlagError, normal, *arguments)
            self.assertIn("is given twice", str(error))
        self.assertEqual(len(normal("--stack", "a=b", "--stack", "c=d")), 4)

    def test_unknown(self) -> None:
        """
        What nobody knows is an error that asks for what is similar.
        """
        for text, hint in (
            ("-trasports", "; is -transports meant?"),
            ("-BINDADDR=x", "; is -bindaddr meant?"),
            ("-logfile", "; is --log-file meant?"),
            ("-zzz", ""),
            ("-s", ""),
        ):
            error = self.assertRaises(FlagError, normal, text)
            name = text[1:].partition("=")[0]
            self.assertEqual(str(error), f"option -{name} not recognized{hint}")
        # Twisted knows what to say, and abbreviations.
        self.assertEqual(normal("--trasports"), ["--trasports"])
        self.assertEqual(nearest("trasports", _VALUED), "; is -transports meant?")

    def test_help(self) -> None:
        for text in ("-h", "--h", "-help", "--help"):
            self.assertEqual(normal(text), ["--help"])

    def test_commands(self) -> None:
        """
        What follows a word is the command's; so is what follows two dashes.
        """
        for rest in (["demo", "-size", "1"], ["-", "-client"], ["--", "-client"], ["", "-x"]):
            self.assertEqual(normal("-state", "x", *rest), ["--state", "x", *rest])

    @given(st.lists(_OPTION, unique_by=lambda option: option[0][0]), st.data())
    def test_anyForm(
        self, options: list[tuple[list[str], str | None]], data: st.DataObject
    ) -> None:
        """
        Whatever the form and the order, the same options come out.
        """
        arguments: list[str] = []
        expected: set[tuple[str, str]] = set()
        for [name], value in data.draw(st.permutations(options)):
            dashes = data.draw(st.sampled_from(["-", "--"]))
            expected.add((name, value or ""))
            if value is None:
                arguments.append(dashes + name + data.draw(st.sampled_from(["", "=true"])))
            elif data.draw(st.booleans()):
                arguments.append(f"{dashes}{name}={value}")
            else:
                arguments += [dashes + name, value]
        rest = normal(*arguments)
        found = set()
        while rest:
            name, equals, value = rest.pop(0).removeprefix("--").partition("=")
            found.add((name, rest.pop(0) if name in _VALUED and not equals else value))
        self.assertEqual(found, expected)

    @given(
        st.lists(st.text(st.sampled_from("-=hcltrue1 x")) | st.sampled_from(["-state", "-client"]))
    )
    def test_garbage(self, arguments: list[str]) -> None:
        """
        Anything is a list again, or an error.
        """
        try:
            result = normal(*arguments)
        except FlagError:
            return
        self.assertLessEqual(len(result), len(arguments))
        isServing(arguments)
        offeredVersions(arguments)


class LookingTests(SynchronousTestCase):
    """
    What is asked before a command line is parsed.
    """

    def test_isServing(self) -> None:
        """
        A flag of the specs before any command means to serve.
        """
        for arguments in (
            ["-client"],
            ["--log-file", "x", "-transport=obfs4"],
            ["--unsafe-logging", "--state", "demo"],
            ["-nonsense", "-ptversion", "3.0"],
        ):
            self.assertTrue(isServing(arguments), arguments)
        for arguments in (
            [],
            ["bridge-line", "--state", "x"],
            ["--log-file", "-client"],
            ["--stack", "x=y", "demo", "--client"],
            ["-showVersion"],
            ["-logLevel", "DEBUG"],
            ["--", "-client"],
            ["--help"],
        ):
            self.assertFalse(isServing(arguments), arguments)

    def test_offeredVersions(self) -> None:
        for arguments, expected in (
            (["-ptversion", "1,2"], "1,2"),
            (["-x", "--ptversion=3.0"], "3.0"),
            (["-state", "-ptversion", "3.0"], None),
            (["-exit-on-stdin-close", "1", "-ptversion", "2"], "2"),
            (["-exit-on-stdin-close", "-ptversion", "2"], "2"),
            (["-ptversion"], ""),
            ([], None),
        ):
            self.assertEqual(offeredVersions(arguments), expected)

    def test_ownOptions(self) -> None:
        """
        The options of our own that take a value are known by name.
        """
        options = tap.Options()
        valued = {name[:-1] for name in options.longOpt if name.endswith("=")}
        self.assertEqual(valued - FLAGS.keys(), set(OWN_VALUED))


class HelpTests(SynchronousTestCase):
    """
    Tests for ``pyptwist.ipc.flaghelp``.
    """

    def test_everything(self) -> None:
        """
        Each option is shown once, with what it is for, within the width.
        """
        text = tap.Options().getUsage(80)
        shown = re.findall(r"^  (--?[\w-]+)", text, re.MULTILINE)
        for name in FLAGS:
            self.assertEqual(shown.count(f"-{name}"), 1, name)
        for name in OWN_VALUED:
            self.assertEqual(shown.count(f"--{name}"), 1, name)
        body = text.partition("Examples:")[0]
        self.assertLessEqual(max(map(len, body.splitlines())), 80)
