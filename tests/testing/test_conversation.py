"""
Tests for ``pyptwist.testing.conversation``.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pyptwist.testing.conversation import Conversation

_GOOD = r"""
LOG SEVERITY=notice MESSAGE="before all"
VERSION 1
STATUS TYPE=version IMPLEMENTATION=some VERSION=1.2.3
PROXY DONE
SMETHOD first 127.0.0.1:1234
SMETHOD second [::1]:65535 ARGS:key=a=b,other-key=c\,d
SMETHOD-ERROR third out of luck
SMETHODS DONE
STATUS TRANSPORT=first CONNECT="a \"word\" with \\ and \303\274"
LOG SEVERITY=warning MESSAGE=word
""".strip()

_METHODS = ["first", "second", "third"]


def heard(text: str) -> Conversation:
    """
    :returns: what was understood of a child's whole output.
    """
    conversation = Conversation()
    *lines, rest = text.split("\n")
    for line in lines:
        conversation.line(line)
    conversation.finish(rest, _METHODS)
    return conversation


class ConversationTests(SynchronousTestCase):
    """
    What a child may say, and what not.
    """

    def test_good(self) -> None:
        """
        A conversation in which everything has its place.
        """
        conversation = heard(_GOOD + "\n")
        self.assertEqual(conversation.faults, [])
        self.assertTrue(conversation.done)
        self.assertEqual(list(conversation.methods), ["first", "second"])
        second = conversation.methods["second"]
        self.assertEqual(second.address, ("::1", 65535))
        self.assertEqual(second.arguments, {"key": "a=b", "other-key": "c,d"})
        self.assertEqual(conversation.refused, {"third": "out of luck"})

    def test_client(self) -> None:
        """
        A client's.
        """
        conversation = Conversation()
        for line in ("VERSION 1", "CMETHOD first socks5 127.0.0.1:9", "CMETHODS DONE"):
            conversation.line(line)
        conversation.finish("", ["first"])
        self.assertEqual(conversation.faults, [])
        self.assertEqual(conversation.methods["first"].protocol, "socks5")

    def test_problems(self) -> None:
        """
        Errors that end the child are lines like others.
        """
        for text in (
            "VERSION-ERROR no-version",
            "ENV-ERROR no state directory",
            "VERSION 1\nPROXY-ERROR no such proxy",
            "VERSION 1\nENV-ERROR this and that",
        ):
            conversation = heard(text + "\n")
            self.assertEqual(conversation.faults, [])
            self.assertEqual(conversation.problem, text.split("\n")[-1])

    def test_wrongLines(self) -> None:
        """
        One wrong line is one fault, which shows the line.
        """
        for right, wrong in (
            ("VERSION 1", "VERSION 2"),
            ("VERSION 1", "VERSION 1 "),
            ("VERSION 1", "VERSION 1\r"),
            ("PROXY DONE", "PROXY done"),
            ("SMETHOD first 127.0.0.1:1234", "SMETHOD first 127.0.0.1:0"),
            ("SMETHOD first 127.0.0.1:1234", "SMETHOD first localhost:1234"),
            ("SMETHOD first 127.0.0.1:1234", "SMETHOD first 127.0.0.1:1234 ARGS:"),
            ("SMETHOD first 127.0.0.1:1234", "SMETHOD first 127.0.0.1:1234 more"),
            ("SMETHOD-ERROR third out of luck", "SMETHOD-ERROR third"),
            ("SMETHODS DONE", "SMETHODS DONE."),
            ("SEVERITY=warning", "SEVERITY=warn"),
            ("MESSAGE=word", "MESSAGE=two words"),
            ("MESSAGE=word", 'MESSAGE="no end'),
            ("MESSAGE=word", "MESSAGE=w\N{LATIN SMALL LETTER O WITH DIAERESIS}\x07rd"),
            ("STATUS TRANSPORT=first CONNECT=", "STATUS first CONNECT="),
            ("LOG SEVERITY=notice", "log SEVERITY=notice"),
            ("LOG SEVERITY=notice", "hello LOG SEVERITY=notice"),
        ):
            text = _GOOD.replace(right, wrong)
            self.assertNotEqual(text, _GOOD)
            faults = heard(text + "\n").faults
            self.assertGreaterEqual(len(faults), 1, wrong)
            [line] = set(text.split("\n")) - set(_GOOD.split("\n"))
            self.assertIn(repr(line), faults[0])

    def test_wrongOrder(self) -> None:
        """
        Each line has its time.
        """
        for text, why in (
            ("SMETHOD first 127.0.0.1:1", "must not come first"),
            ("VERSION 1\nVERSION 1", "must not come after VERSION"),
            (_GOOD + "\nVERSION 1", "must not come after SMETHODS"),
            (_GOOD + "\nSMETHOD fourth 127.0.0.1:1", "must not come after SMETHODS"),
            (_GOOD + "\nENV-ERROR too late", "must not come after SMETHODS"),
            ("VERSION 1\nSMETHOD first 127.0.0.1:1\nPROXY DONE", "must not come after SMETHOD"),
            (_GOOD.replace("third", "first"), "was answered for already"),
        ):
            faults = heard(text + "\n").faults
            self.assertTrue(any(why in fault for fault in faults), faults)

    def test_wrongEnd(self) -> None:
        """
        Output that ends within a line, and methods that were not asked for, or
        not answered for.
        """
        self.assertIn("within a line: 'LOG", heard(_GOOD + "\nLOG").faults[0])
        [fault] = heard(_GOOD.replace("SMETHOD first", "SMETHOD other") + "\n").faults
        self.assertIn("asked for ['first', 'second', 'third']", fault)
