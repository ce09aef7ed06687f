"""
Tests for ``pyptwist.ipc.dialogue``.
"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pyptwist import limits
from pyptwist.errors import ManagedProcessError
from pyptwist.ipc.dialects import PT1, PT3
from pyptwist.ipc.dialogue import ChildRefused, Dialogue, Stage
from pyptwist.ipc.parentlines import parseLine

CLIENT = "CMETHOD x socks5 127.0.0.1:7"
SERVER = "SMETHOD x 127.0.0.1:7"
LINES = (
    "VERSION 1",
    "VERSION 2",
    "VERSION-ERROR no-version",
    "ENV-ERROR why",
    "PROXY DONE",
    "PROXY-ERROR why",
    CLIENT,
    SERVER,
    "CMETHOD-ERROR y why",
    "SMETHOD-ERROR y why",
    "CMETHODS DONE",
    "SMETHODS DONE",
    "LOG INFO text",
    "STATUS a=b",
    "WHAT",
)


def heard(*lines: str, versions: tuple[str, ...] = ("1",), **more: bool) -> Dialogue:
    dialogue = Dialogue(versions, **more)
    for line in lines:
        dialogue.hear(parseLine(line))
    return dialogue


class DialogueTests(SynchronousTestCase):
    """
    Tests for ``Dialogue``.
    """

    def test_client(self) -> None:
        dialogue = heard("VERSION 1", CLIENT, "CMETHOD-ERROR y no 192.0.2.1:2", "CMETHODS DONE")
        self.assertIs(dialogue.stage, Stage.DONE)
        self.assertIs(dialogue.dialect, PT1)
        self.assertEqual(list(dialogue.clients), ["x"])
        self.assertEqual(dialogue.refused, {"y": "no [scrubbed]"})

    def test_tooMany(self) -> None:
        """
        What a child reports is kept, hence bounded, after the end of the methods too.
        """
        names = range(limits.CHILD_METHODS)
        for line in ("CMETHOD x{} socks5 127.0.0.1:7", "CMETHOD-ERROR x{} why"):
            for done in ((), ("CMETHODS DONE",)):
                dialogue = heard("VERSION 1", *(line.format(name) for name in names), *done)
                if done and line.startswith("CMETHOD x"):
                    continue  # what comes now is passed over
                more = parseLine(line.format("y"))
                self.assertRaises(ManagedProcessError, dialogue.hear, more)
                known = max(len(dialogue.clients), len(dialogue.refused))
                self.assertEqual(known, limits.CHILD_METHODS)

    def test_server(self) -> None:
        dialogue = heard(
            "VERSION 3.0", SERVER, "SMETHODS DONE", versions=("1", "3.0"), isServer=True
        )
        self.assertIs(dialogue.dialect, PT3)
        self.assertEqual(list(dialogue.servers), ["x"])

    def test_proxy(self) -> None:
        """
        An upstream proxy must be accepted before anything else is believed.
        """
        heard("VERSION 1", "PROXY DONE", CLIENT, "CMETHODS DONE", needsProxy=True)
        for line in (CLIENT, "CMETHODS DONE"):
            self.assertRaises(ChildRefused, heard, "VERSION 1", line, needsProxy=True)

    def test_refused(self) -> None:
        """
        The child's own words are in the error, addresses are not.
        """
        for line in ("ENV-ERROR", "VERSION-ERROR", "PROXY-ERROR"):
            error = self.assertRaises(ChildRefused, heard, f"{line} bad 192.0.2.1:5 here")
            self.assertIn(f"{line} bad [scrubbed] here", str(error))

    def test_outOfOrder(self) -> None:
        wrong = (
            (CLIENT,),
            ("CMETHODS DONE",),
            ("PROXY DONE",),
            ("VERSION 1", "VERSION 1"),
            ("VERSION 1", SERVER),
            ("VERSION 1", "SMETHODS DONE"),
        )
        for lines in wrong:
            self.assertRaises(ManagedProcessError, heard, *lines)

    def test_version(self) -> None:
        """
        Only what was offered can be chosen.
        """
        for version in ("2", "1.0", "x"):
            self.assertRaises(ChildRefused, heard, f"VERSION {version}")

    def test_anywhere(self) -> None:
        """
        Some lines may come at any time, and what nobody knows is no fault.
        """
        dialogue = heard("LOG INFO x", "STATUS a=b", "WHAT", "VERSION 1", "", "CMETHODS DONE")
        self.assertTrue(dialogue.hear(parseLine("LOG INFO x")))
        self.assertFalse(dialogue.hear(parseLine("WHAT")))

    def test_afterwards(self) -> None:
        """
        When all was said, nothing changes, but for errors that come late.
        """
        dialogue = heard("VERSION 1", CLIENT, "CMETHODS DONE")
        for line in ("VERSION 2", "CMETHOD z socks5 127.0.0.1:7", "CMETHODS DONE", "ENV-ERROR x"):
            self.assertFalse(dialogue.hear(parseLine(line)))
        self.assertEqual(list(dialogue.clients), ["x"])
        self.assertTrue(dialogue.hear(parseLine("CMETHOD-ERROR y why")))
        self.assertEqual(dialogue.refused, {"y": "why"})

    def test_early(self) -> None:
        """
        A method's error, which may come another way, overtakes the version.
        """
        dialogue = heard("CMETHOD-ERROR y why", "VERSION 1", "CMETHODS DONE")
        self.assertEqual(dialogue.refused, {"y": "why"})

    def test_twice(self) -> None:
        """
        The first of two lines for a method counts.
        """
        dialogue = heard("VERSION 1", CLIENT, "CMETHOD x socks4 127.0.0.1:8")
        self.assertEqual(dialogue.clients["x"].protocol, "socks5")

    @given(st.lists(st.sampled_from(LINES)), st.booleans(), st.booleans())
    def test_anything(self, lines: list[str], isServer: bool, needsProxy: bool) -> None:
        """
        Any lines in any order end in an error of ours or in none; and no method
        is believed without version and proxy.
        """
        dialogue = Dialogue(("1",), isServer, needsProxy)
        try:
            for line in lines:
                dialogue.hear(parseLine(line))
        except ManagedProcessError:
            pass
        if dialogue.clients or dialogue.servers:
            self.assertIs(dialogue.dialect, PT1)
            self.assertTrue(not needsProxy or "PROXY DONE" in lines)
