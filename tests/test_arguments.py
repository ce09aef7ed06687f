"""
Tests for ``pyptwist.arguments``.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pyptwist.arguments import JSON, Arguments
from pyptwist.errors import ConfigurationError

#: Every typed reader, with parameters in which no letter is a capital.
READERS: tuple[Callable[[Arguments], object], ...] = (
    lambda arguments: arguments.require("key"),
    lambda arguments: arguments.get("key"),
    lambda arguments: arguments.integer("key", 0, 9),
    lambda arguments: arguments.flag("key"),
    lambda arguments: arguments.hexadecimal("key", 4),
    lambda arguments: arguments.base64("key", 4),
    lambda arguments: arguments.choice("key", ("one", "two")),
    lambda arguments: arguments.texts(),
)

_LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
_VALUES: st.SearchStrategy[JSON] = st.recursive(
    _LEAVES, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=5
)

# Four characters that can occur in no error text, but in values of every kind.
_SECRETS = st.text(st.sampled_from("0123456789ABCDEF+/=-XYZ \0\xe9\u0663"), min_size=4)


def single(value: JSON) -> Arguments:
    """
    :returns: one argument, ``key``.
    """
    return Arguments([("key", value)])


def error(arguments: Arguments, reader: str, *parameters: object) -> str:
    """
    :returns: the text of the configuration error that a reader raises.
    """
    try:
        value = getattr(arguments, reader)(*parameters)
    except ConfigurationError as raised:
        return str(raised)
    raise AssertionError(f"no error, but {value!r}")


class CollectionTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.arguments = Arguments([("b", "1"), ("a", "2"), ("b", "3")])

    def test_order(self) -> None:
        """
        Keys come in the order of their first appearance, each once.
        """
        self.assertEqual(list(self.arguments), ["b", "a"])
        self.assertEqual(self.arguments.items(), (("b", "1"), ("a", "2"), ("b", "3")))
        self.assertEqual(len(self.arguments), 3)

    def test_contains(self) -> None:
        self.assertIn("a", self.arguments)
        self.assertNotIn("c", self.arguments)

    def test_repeated(self) -> None:
        """
        The first value of a key counts, and the others can be had.
        """
        self.assertEqual(self.arguments.get("b"), "1")
        self.assertEqual(self.arguments.all("b"), ("1", "3"))
        self.assertEqual(self.arguments.all("c"), ())

    def test_making(self) -> None:
        """
        Pairs, mappings and keywords make the same arguments.
        """
        expected = Arguments([("a", "1"), ("b", 2)])
        self.assertEqual(Arguments({"a": "1", "b": 2}), expected)
        self.assertEqual(Arguments(a="1", b=2), expected)
        self.assertEqual(Arguments({"a": "1"}, b=2), expected)
        self.assertEqual(Arguments(), Arguments([]))

    def test_equality(self) -> None:
        """
        Order counts, since it is on the wire; and nothing else is equal.
        """
        self.assertNotEqual(Arguments(a="1", b="2"), Arguments(b="2", a="1"))
        self.assertNotEqual(self.arguments, self.arguments.items())

    def test_hash(self) -> None:
        """
        Arguments that are equal have one hash, whatever their values are.
        """
        pairs: tuple[tuple[JSON, JSON], ...] = (
            (1, True),
            (1, 1.0),
            ([1], [1.0]),
            ({"x": 1, "y": 2}, {"y": 2, "x": 1}),
        )
        for one, same in pairs:
            here, there = single(one), single(same)
            self.assertEqual(here, there)
            self.assertEqual(hash(here), hash(there))

    def test_repr(self) -> None:
        """
        Keys may be logged, values may not.
        """
        arguments = Arguments(cert="secret", mode=1)
        self.assertEqual(repr(arguments), "<Arguments cert, mode>")
        self.assertEqual(str(arguments), "<Arguments cert, mode>")
        self.assertEqual(repr(Arguments()), "<Arguments none>")

    def test_updated(self) -> None:
        """
        The other's keys replace ours, all of their values; the rest stays.
        """
        changed = self.arguments.updated(Arguments([("b", "9"), ("c", "8"), ("c", "7")]))
        self.assertEqual(changed.items(), (("a", "2"), ("b", "9"), ("c", "8"), ("c", "7")))
        self.assertEqual(len(self.arguments), 3)

    def test_without(self) -> None:
        self.assertEqual(self.arguments.without("b", "c").items(), (("a", "2"),))
        self.assertEqual(len(self.arguments), 3)

    def test_texts(self) -> None:
        """
        PT 1 writes everything as text.
        """
        arguments = Arguments(a="x", b=True, c=False, d=12, e=0.5)
        expected = (("a", "x"), ("b", "true"), ("c", "false"), ("d", "12"), ("e", "0.5"))
        self.assertEqual(arguments.texts(), expected)

    def test_noText(self) -> None:
        """
        What PT 1 cannot write is an error that names the key.
        """
        values: tuple[JSON, ...] = (None, [1], {"a": 1})
        for value in values:
            self.assertIn("'key' must be a single value", error(single(value), "texts"))


class ReaderTests(SynchronousTestCase):
    def test_missing(self) -> None:
        """
        A key that must be there, and is not or is empty, is named.
        """
        for arguments in (Arguments(), Arguments(key="")):
            for reader, *parameters in (
                ("require", "key"),
                ("integer", "key", 0, 1),
                ("hexadecimal", "key", 1),
                ("base64", "key", 1),
            ):
                found = error(arguments, str(reader), *parameters)
                self.assertEqual(found, "the argument 'key' is missing")

    def test_get(self) -> None:
        arguments = Arguments(a="x", b=2, c="")
        self.assertEqual(arguments.get("a"), "x")
        self.assertEqual(arguments.get("b"), "2")
        self.assertEqual(arguments.get("c", "default"), "")
        self.assertEqual(arguments.get("d", "default"), "default")
        self.assertIs(arguments.get("d"), None)

    def test_integer(self) -> None:
        """
        Both bounds belong to the range; JSON numbers are read like text.
        """
        for value, number in (("0", 0), ("2", 2), (2, 2), ("-1", -1), ("007", 7), ("9", 9)):
            self.assertEqual(single(value).integer("key", -1, 9), number)

    def test_integerDefault(self) -> None:
        """
        The default stands for a key that is missing, not for one that is wrong.
        """
        self.assertEqual(Arguments().integer("key", 1, 2, default=5), 5)
        self.assertIn("missing", error(single(""), "integer", "key", 1, 2, 1))
        self.assertIn("decimal", error(single("x"), "integer", "key", 1, 2, 1))

    def test_integerWrong(self) -> None:
        for text in ("x", "1.0", "1e3", "+1", " 1", "1_0", "0x1", "-", "--1", "\u0661", "\xb2"):
            with self.subTest(text=text):
                found = error(single(text), "integer", "key", 0, 9)
                self.assertEqual(found, "the argument 'key' must be a decimal number")

    def test_integerOutOfRange(self) -> None:
        """
        The range is told; a number that would take ages to read is not read.
        """
        for text in ("-2", "10", "9" * 18):
            found = error(single(text), "integer", "key", -1, 9)
            self.assertEqual(found, "the argument 'key' must be between -1 and 9")
        huge = Arguments(key="9" * 100_000)
        self.assertIn("decimal", error(huge, "integer", "key", 0, 9))

    def test_flag(self) -> None:
        for value in ("1", "true", "YES", "On", True):
            self.assertIs(single(value).flag("key"), True)
        for value in ("0", "False", "no", "OFF", False):
            self.assertIs(single(value).flag("key", True), False)
        self.assertIs(Arguments().flag("key"), False)
        self.assertIs(Arguments().flag("key", True), True)

    def test_flagWrong(self) -> None:
        for value in ("", "2", "maybe", "\u0661", 2):
            found = error(single(value), "flag", "key")
            self.assertEqual(found, "the argument 'key' must be true or false")

    def test_hexadecimal(self) -> None:
        for text in ("00ff", "00FF"):
            self.assertEqual(Arguments(key=text).hexadecimal("key", 2), b"\0\xff")

    def test_hexadecimalWrong(self) -> None:
        for text in ("0", "0g", "00 ff", "0x00", " 00", "\xe9\xe9", "\u0661\u0661"):
            found = error(single(text), "hexadecimal", "key", 1)
            self.assertEqual(found, "the argument 'key' must be hexadecimal")
        self.assertEqual(
            error(single("00ff"), "hexadecimal", "key", 3),
            "the argument 'key' must decode to 3 bytes, not 2",
        )

    def test_base64(self) -> None:
        """
        Padding may be there or not: obfs4's bridge lines leave it out.
        """
        for text in ("+/8", "+/8="):
            self.assertEqual(Arguments(key=text).base64("key", 2), b"\xfb\xff")

    def test_base64Wrong(self) -> None:
        for text in ("A", "-_8", "AA AA", "AA\n", "AA=A", "\xe9\xe9\xe9\xe9"):
            found = error(single(text), "base64", "key", 1)
            self.assertEqual(found, "the argument 'key' must be base64")
        self.assertEqual(
            error(single("AAAA"), "base64", "key", 2),
            "the argument 'key' must decode to 2 bytes, not 3",
        )

    def test_choice(self) -> None:
        allowed = ("one", "two")
        self.assertEqual(Arguments(key="two").choice("key", allowed), "two")
        self.assertEqual(Arguments().choice("key", allowed, default="one"), "one")
        for arguments in (Arguments(), Arguments(key="three"), Arguments(key="")):
            found = error(arguments, "choice", "key", iter(allowed))
            self.assertEqual(found, "the argument 'key' must be one of one, two")

    @settings(deadline=None)
    @given(_VALUES)
    def test_garbage(self, value: JSON) -> None:
        """
        Whatever a value is, no reader raises anything but a configuration error.
        """
        arguments = single(value)
        for reader in READERS:
            try:
                reader(arguments)
            except ConfigurationError as raised:
                self.assertIn("'key'", str(raised))

    @settings(deadline=None)
    @given(_SECRETS)
    def test_secrets(self, value: str) -> None:
        """
        No error repeats a value, since it may be logged.
        """
        arguments = Arguments(key=value)
        for reader in READERS:
            try:
                reader(arguments)
            except ConfigurationError as raised:
                self.assertNotIn(value, str(raised))
                self.assertIs(raised.__cause__, None)
                self.assertTrue(raised.__suppress_context__ or raised.__context__ is None)

    @settings(deadline=None)
    @given(st.binary(min_size=1, max_size=40))
    def test_roundTrip(self, data: bytes) -> None:
        """
        Bytes that were written are read again.
        """
        size, padded = len(data), b64encode(data).decode()
        self.assertEqual(single(data.hex()).hexadecimal("key", size), data)
        self.assertEqual(single(padded).base64("key", size), data)
        self.assertEqual(single(padded.rstrip("=")).base64("key", size), data)
