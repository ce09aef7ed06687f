"""
Tests for ``pyptwist.ipc.quoting``.
"""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pyptwist.arguments import JSON, Arguments
from pyptwist.errors import ConfigurationError, LocalProtocolError
from pyptwist.ipc.quoting import (
    formatServerOptions,
    formatSmethodArguments,
    formatSocksArguments,
    isMethodName,
    joinSocksArguments,
    parseServerOptions,
    parseSmethodArguments,
    parseSocksArguments,
    quoteString,
    requireWord,
    splitSocksArguments,
)

Pairs = list[tuple[str, str]]

# Rich in the characters that mean something somewhere.
TEXTS = st.text(
    st.sampled_from("ab\\;:=,\"'é€ \n") | st.characters(codec="utf-8", exclude_characters="\0"),
    max_size=12,
)
KEYS = TEXTS.filter(bool)
PAIRS = st.lists(st.tuples(KEYS, TEXTS), max_size=6)
WORDS = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=12)


def args(*pairs: tuple[str, JSON]) -> Arguments:
    return Arguments(pairs)


class SocksArgumentsTests(SynchronousTestCase):
    """
    SOCKS user names and passwords carry arguments.
    """

    def test_read(self) -> None:
        """
        Every escape is undone, and each first bare ``=`` ends a key.
        """
        for data, pairs in [
            (b"", []),
            (b"a=b", [("a", "b")]),
            (b"a=", [("a", "")]),
            (b"a=b;c=d", [("a", "b"), ("c", "d")]),
            (b"a=1;a=2", [("a", "1"), ("a", "2")]),
            (rb"a=b\;c\=d\\", [("a", "b;c=d\\")]),
            (b"cert=AA==;x=1", [("cert", "AA=="), ("x", "1")]),
            (rb"a\=b=c=d", [("a=b", "c=d")]),
            (rb"\;=\\", [(";", "\\")]),
            (rb"\a=\b", [("a", "b")]),
            (rb"a=\\;b=\;", [("a", "\\"), ("b", ";")]),
            (b"k=a,b:c d\n", [("k", "a,b:c d\n")]),
            ("naïve=€".encode(), [("naïve", "€")]),
            (b"shared-secret=rahasia;secrets-file=/tmp/blob",
             [("shared-secret", "rahasia"), ("secrets-file", "/tmp/blob")]),
        ]:  # fmt: skip
            self.assertEqual(parseSocksArguments(data), Arguments(pairs), data)
            self.assertEqual(parseSocksArguments(data.decode()), Arguments(pairs), data)

    def test_refused(self) -> None:
        """
        What is no list of pairs is refused, and never repeated in the error.
        """
        for data in [
            b"secret",
            b"=secret",
            b";",
            b"a=secret;",
            b";a=secret",
            b"a=secret;;b=1",
            b"a=secret;b",
            b"a=secret\\",
            b"secret\\=1",
            b"secret\\",
            b"\\",
            b"=",
            b"a=\xffsecret",
            b"secret=\xed\xa0\x80",
            "a=secret\udcff",
        ]:
            error = self.assertRaises(ConfigurationError, parseSocksArguments, data)
            self.assertNotIn("secret", str(error))

    def test_write(self) -> None:
        """
        pt-spec names three characters to escape.
        """
        self.assertEqual(formatSocksArguments(args()), "")
        self.assertEqual(
            formatSocksArguments(args(("a=", "b;c\\"), ("n", 1), ("t", True))),
            r"a\==b\;c\\;n=1;t=true",
        )

    def test_cannotBeWritten(self) -> None:
        """
        Empty keys, NULs and objects have no form here.
        """
        pairs: list[tuple[str, JSON]]
        pairs = [("", "x"), ("k", "a\0b"), ("k\0", ""), ("k", ["x"])]
        for pair in pairs:
            self.assertRaises(ConfigurationError, formatSocksArguments, args(pair))

    def test_split(self) -> None:
        """
        The user name is filled first; a password that is not needed is one NUL.
        """
        for length, username, password in [
            (1, 1, b"\0"),
            (254, 254, b"\0"),
            (255, 255, b"\0"),
            (256, 255, b"x"),
            (510, 255, b"x" * 255),
        ]:
            self.assertEqual(splitSocksArguments("x" * length), (b"x" * username, password))

    def test_splitRefuses(self) -> None:
        """
        SOCKS carries 510 bytes, and at least one.
        """
        error = self.assertRaises(ConfigurationError, splitSocksArguments, "x" * 511)
        self.assertIn("511", str(error))
        self.assertRaises(ConfigurationError, splitSocksArguments, "é" * 256)
        self.assertRaises(LocalProtocolError, splitSocksArguments, "")

    @given(PAIRS.filter(bool))
    def test_roundTrip(self, pairs: Pairs) -> None:
        """
        Arguments survive SOCKS, even divided within a character.
        """
        text = formatSocksArguments(Arguments(pairs))
        if len(text.encode()) <= 510:
            joined = joinSocksArguments(*splitSocksArguments(text))
            self.assertEqual(parseSocksArguments(joined), Arguments(pairs))
        self.assertEqual(parseSocksArguments(text), Arguments(pairs))

    @given(st.lists(st.tuples(KEYS.filter(lambda key: "=" not in key), TEXTS), max_size=6))
    def test_asTorWrites(self, pairs: Pairs) -> None:
        """
        tor leaves ``=`` alone, also in values.
        """
        written = ";".join(re.sub(r"([;\\])", r"\\\1", f"{k}={v}") for k, v in pairs)
        self.assertEqual(parseSocksArguments(written), Arguments(pairs))

    @given(st.binary(max_size=40) | st.text(st.sampled_from("a\\;=")).map(str.encode))
    def test_garbage(self, data: bytes) -> None:
        """
        Garbage is refused; what is taken has a canonical form that reads alike.
        """
        try:
            arguments = parseSocksArguments(data.replace(b"\0", b""))
        except ConfigurationError:
            return
        self.assertEqual(parseSocksArguments(formatSocksArguments(arguments)), arguments)


class SmethodArgumentsTests(SynchronousTestCase):
    """
    SMETHOD lines carry arguments.
    """

    def test_read(self) -> None:
        """
        Commas part pairs.
        """
        for text, pairs in [
            ("", []),
            ("N=13", [("N", "13")]),
            ("cert=a/b+c,iat-mode=0", [("cert", "a/b+c"), ("iat-mode", "0")]),
            (r"a=b\,c\=d\\;e", [("a", "b,c=d\\;e")]),
            (r"a=b=c", [("a", "b=c")]),
        ]:
            self.assertEqual(parseSmethodArguments(text), Arguments(pairs), text)

    def test_refused(self) -> None:
        """
        What is no list of pairs is refused.
        """
        for text in ["a", "=a", "a=b,", ",", "a=\\", "a=\udcff"]:
            self.assertRaises(ConfigurationError, parseSmethodArguments, text)

    def test_write(self) -> None:
        """
        Nothing is written for nothing.
        """
        self.assertEqual(formatSmethodArguments(args()), "")
        self.assertEqual(formatSmethodArguments(args(("a", "b,c=\\;"))), r"a=b\,c\=\\;")

    def test_oneWord(self) -> None:
        """
        What would break the line is refused, by name of no value.
        """
        for value in ["secret 1", "secret\n", "secret\0", "sécret", "secret\x7f", "secret\u2028"]:
            error = self.assertRaises(
                ConfigurationError, formatSmethodArguments, args(("k", value))
            )
            self.assertNotIn("cret", str(error))
        self.assertRaises(ConfigurationError, formatSmethodArguments, args(("", "x")))

    @given(st.lists(st.tuples(WORDS.filter(bool), WORDS), max_size=6))
    def test_roundTrip(self, pairs: Pairs) -> None:
        """
        What is written reads alike.
        """
        text = formatSmethodArguments(Arguments(pairs))
        self.assertEqual(parseSmethodArguments(text), Arguments(pairs))


class ServerOptionsTests(SynchronousTestCase):
    """
    The environment carries server options for several methods.
    """

    def test_read(self) -> None:
        """
        As tor writes them, and as the spec's example has them.
        """
        for text, options in [
            ("", {}),
            (r"x:a=1;x:b=c\:d\;e\\f,g=h;y:q=2",
             {"x": [("a", "1"), ("b", "c:d;e\\f,g=h")], "y": [("q", "2")]}),
            ("scramblesuit:key=banana;automata:rule=110;automata:depth=3",
             {"scramblesuit": [("key", "banana")], "automata": [("rule", "110"), ("depth", "3")]}),
            ("x:a=1;y:a=2;x:a=3", {"x": [("a", "1"), ("a", "3")], "y": [("a", "2")]}),
            ("x:u=http://h:1/", {"x": [("u", "http://h:1/")]}),
            ("x:a=", {"x": [("a", "")]}),
            (r"x:a\=b=c", {"x": [("a=b", "c")]}),
        ]:  # fmt: skip
            expected = {name: Arguments(pairs) for name, pairs in options.items()}
            self.assertEqual(parseServerOptions(text), expected, text)

    def test_refused(self) -> None:
        """
        An entry is a method, a key and a value.
        """
        for text in [
            "secret",
            "secret=1",
            "x:secret",
            ":secret=1",
            "x:=secret",
            "x:a=secret;",
            ";",
            "x:a=secret\\",
            "x\\:a=secret",
            "x:a=secret\udcff",
        ]:
            error = self.assertRaises(ConfigurationError, parseServerOptions, text)
            self.assertNotIn("secret", str(error))

    def test_errorCounts(self) -> None:
        """
        The error says which entry is wrong.
        """
        error = self.assertRaises(ConfigurationError, parseServerOptions, "x:a=1;x:b")
        self.assertEqual(str(error), "option 2 must be KEY=VALUE")

    def test_write(self) -> None:
        """
        As tor does: ``=`` stays as it is in values.
        """
        options = {
            "x": args(("a", "1"), ("b", "c:d;e\\f,g=h")),
            "none": args(),
            "y": args(("q", 2)),
        }
        self.assertEqual(formatServerOptions(options), r"x:a=1;x:b=c\:d\;e\\f,g=h;y:q=2")
        self.assertEqual(formatServerOptions({}), "")

    def test_cannotBeWritten(self) -> None:
        """
        A name and a key are needed.
        """
        self.assertRaises(ConfigurationError, formatServerOptions, {"": args(("a", "b"))})
        self.assertRaises(ConfigurationError, formatServerOptions, {"x": args(("", "b"))})

    @given(st.dictionaries(KEYS, PAIRS.filter(bool), max_size=4))
    def test_roundTrip(self, options: dict[str, Pairs]) -> None:
        """
        What is written reads alike.
        """
        given = {name: Arguments(pairs) for name, pairs in options.items()}
        self.assertEqual(parseServerOptions(formatServerOptions(given)), given)


def undone(quoted: str) -> str:
    """
    What tor's ``unescape_string()`` makes of a quoted string.
    """
    inner = re.fullmatch(r'"((?:[^"\\\n\0]|\\[ntr"\\]|\\[0-7]{3})*)"', quoted)
    assert inner is not None, quoted
    letters = {"n": 10, "t": 9, "r": 13}
    data = bytearray()
    for plain, letter, octal in re.findall(r'([^\\])|\\([ntr"\\])|\\([0-7]{3})', inner[1]):
        data.append(int(octal, 8) if octal else letters.get(letter, ord(plain or letter)))
    return data.decode("utf-8")


class QuoteStringTests(SynchronousTestCase):
    """
    Any text becomes a C string.
    """

    def test_quoted(self) -> None:
        """
        Each kind of character has its form.
        """
        for text, quoted in [
            ("", '""'),
            ("plain text", '"plain text"'),
            ('say "hi"', r'"say \"hi\""'),
            ("back\\slash", r'"back\\slash"'),
            ("a\n\r\tb", r'"a\n\r\tb"'),
            ("é", r'"\303\251"'),
            ("\x01\x7f9", r'"\001\1779"'),
            ("a\0b", '"a?b"'),
            ("\udc80", r'"\077"'),
        ]:
            self.assertEqual(quoteString(text), quoted)

    def test_cut(self) -> None:
        """
        Long texts are cut between characters.
        """
        self.assertEqual(quoteString("x" * 99, 20), '"' + "x" * 15 + '..."')
        self.assertEqual(quoteString("é" * 99, 20), r'"\303\251..."')
        self.assertEqual(quoteString("x" * 15, 20), '"' + "x" * 15 + '"')

    @given(TEXTS | st.text(st.characters(exclude_characters="\0", codec="utf-8")))
    def test_undone(self, text: str) -> None:
        """
        tor reads back what was quoted.
        """
        self.assertEqual(undone(quoteString(text)), text)

    @given(st.text(), st.integers(min_value=5, max_value=60))
    def test_bounded(self, text: str, limit: int) -> None:
        """
        The result is one line of printable ASCII within the limit.
        """
        quoted = quoteString(text, limit)
        self.assertLessEqual(len(quoted), limit)
        self.assertTrue(all(" " <= character <= "~" for character in quoted))
        undone(quoted)


class WordTests(SynchronousTestCase):
    """
    Words and names.
    """

    def test_methodNames(self) -> None:
        """
        A name is a C identifier.
        """
        for name in ["obfs4", "_", "A_1", "x" * 300]:
            self.assertTrue(isMethodName(name), name)
        for name in ["", "4obfs", "a-b", "a b", "é", "a\n", "*", "a\0"]:
            self.assertFalse(isMethodName(name), name)

    def test_words(self) -> None:
        """
        A word has no blank.
        """
        requireWord("!~", "it")
        for text in ["a b", "a\n", "é", "\x7f", "\t"]:
            error = self.assertRaises(ConfigurationError, requireWord, text, "the thing")
            self.assertTrue(str(error).startswith("the thing must be"))
