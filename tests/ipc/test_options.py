"""
Tests for ``pyptwist.ipc.options``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pyptwist import limits
from pyptwist.addresses import HostPort
from pyptwist.arguments import Arguments
from pyptwist.errors import ConfigurationError
from pyptwist.ipc.dialects import OptionsForm
from pyptwist.ipc.options import located, parseObject, parseOptions, readOptionsFile

_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


class OptionsTests(SynchronousTestCase):
    """
    Tests for ``parseOptions``.
    """

    def refused(self, text: str, *methods: str, form: OptionsForm = OptionsForm.JSON) -> str:
        """
        :returns: the error's text.
        """
        error = self.assertRaises(ConfigurationError, parseOptions, text, form, methods or ("x",))
        return str(error)

    def test_byMethod(self) -> None:
        """
        As PT 2.2 and 3.0 have it; values stay what JSON says they are.
        """
        found = parseOptions(
            '{"x": {"a": 1, "b": {"c": [true]}}, "y": {}, "z": {"q": 1}}',
            OptionsForm.JSON,
            ("x", "y"),
        )
        self.assertEqual(found, {"x": Arguments(a=1, b={"c": [True]}), "y": Arguments()})

    def test_flat(self) -> None:
        """
        A single method's may stand alone, as in shapeshifter-dispatcher's files.
        """
        for text, expected in (
            ('{"password": "p", "x": "no object"}', Arguments(password="p", x="no object")),
            ('{"x": {"a": 1}}', Arguments(a=1)),
            ('{"x": {"a": 1}, "y": {"b": 2}}', Arguments(a=1)),
            ('{"x": {"a": 1}, "b": 2}', Arguments(x={"a": 1}, b=2)),
            (" {} ", Arguments()),
        ):
            self.assertEqual(parseOptions(text, OptionsForm.JSON, ("x",)), {"x": expected})
        self.assertIn("an object of their own", self.refused('{"password": "p"}', "x", "y"))

    def test_misspelt(self) -> None:
        """
        A method whose options stand under another name would run without them.
        """
        for text, methods in (
            ('{"obsf4": {"iat-mode": 1}}', ("obfs4",)),
            ('{"Obfs4": {"iat-mode": 1}, "x": {}}', ("obfs4", "x")),
            ('{"obsf4": {"iat-mode": 1}, "x": {}}', ("obfs4", "x", "y")),
        ):
            with self.assertRaisesRegex(ConfigurationError, "is 'obfs4' meant"):
                parseOptions(text, OptionsForm.JSON, methods, True)
            parseOptions(text, OptionsForm.JSON, methods)
        for text, methods in (
            ('{"obfs4a": {}, "obfs4": {"iat-mode": 1}}', ("obfs4",)),
            ('{"obfs3": {}, "other": {}}', ("obfs4", "x")),
            ('{"obsf4": 1}', ("obfs4",)),
            ("{}", ("obfs4",)),
        ):
            parseOptions(text, OptionsForm.JSON, methods, True)

    def test_pairs(self) -> None:
        """
        PT 2.1 has PT 1's form; JSON is known by how it begins.
        """
        for form in (OptionsForm.PAIRS, OptionsForm.EITHER):
            self.assertEqual(
                parseOptions("x:key=banana;y:rule=110;z:depth=3", form, ("x", "y")),
                {"x": Arguments(key="banana"), "y": Arguments(rule="110")},
            )
        self.assertEqual(
            parseOptions('\n{"a": 1}', OptionsForm.EITHER, ("x",)), {"x": Arguments(a=1)}
        )
        self.refused('{"a": 1}', form=OptionsForm.PAIRS)
        self.assertEqual(self.refused("x:key=banana"), "this is not JSON")

    def test_wrong(self) -> None:
        """
        Errors show nothing of what was written.
        """
        for text, why in (
            ("", "this is not JSON"),
            ("{", "this is not JSON"),
            ("secret", "this is not JSON"),
            ('{"secret": 1} x', "this is not JSON"),
            ("[1]", "this is not a JSON object"),
            ('"secret"', "this is not a JSON object"),
            ('{"secret": 1, "secret": 2}', "a key is there twice"),
            ('{"a": {"secret": 1, "secret": 2}}', "a key is there twice"),
            ('{"a": NaN}', "NaN and Infinity are not JSON"),
            ('{"a": -Infinity}', "NaN and Infinity are not JSON"),
            ('{"a": [1e999]}', "this is not JSON"),
            ('{"a": {"\\ud800": 1}}', "this is not JSON"),
            ('{"a": "\\udfff"}', "this is not JSON"),
            ("[" * 100_000, "this is not JSON"),
            ('{"a": ' + "9" * 10_000 + "}", "this is not JSON"),
            ("{}" + " " * limits.OPTIONS, f"there are more than {limits.OPTIONS} characters"),
        ):
            self.assertEqual(self.refused(text), why)

    @given(st.dictionaries(st.text(), _JSON, max_size=4))
    def test_roundTrip(self, options: dict[str, Any]) -> None:
        """
        What JSON can say arrives.
        """
        text = json.dumps({"x": options, "y": {}})
        found = parseOptions(text, OptionsForm.JSON, ("x", "y"))
        self.assertEqual(dict(found["x"].items()), options)
        self.assertEqual(parseObject(json.dumps(options, ensure_ascii=False).encode()), options)

    @given(st.text() | st.text(st.sampled_from('{}[]":,x1\\ e-.')), st.sampled_from(OptionsForm))
    def test_garbage(self, text: str, form: OptionsForm) -> None:
        """
        Anything gives options or an error.
        """
        try:
            found = parseOptions(text, form, ("x", "y"))
        except ConfigurationError:
            return
        self.assertLessEqual(set(found), {"x", "y"})

    @given(st.binary())
    def test_garbageBytes(self, data: bytes) -> None:
        try:
            self.assertIsInstance(parseObject(data), dict)
        except ConfigurationError as error:
            self.assertTrue(str(error))


class FileTests(SynchronousTestCase):
    """
    Tests for ``readOptionsFile``.
    """

    def test_file(self) -> None:
        """
        UTF-8, with or without a mark that it is.
        """
        path = Path(self.mktemp())
        for mark in (b"", b"\xef\xbb\xbf"):
            path.write_bytes(mark + '{"a": "ü"}'.encode())
            self.assertEqual(readOptionsFile(str(path)), '{"a": "ü"}')

    def test_large(self) -> None:
        """
        Of a file without end no more is read than tells that it is too large.
        """
        self.assertEqual(len(readOptionsFile("/dev/zero")), limits.OPTIONS + 1)

    def test_wrong(self) -> None:
        path = Path(self.mktemp())
        path.write_bytes(b"\xff")
        for name, why in (
            (str(path), "it is not a file of UTF-8 text"),
            ("a\0b", "it is not a file of UTF-8 text"),
            ("/nonexistent/x", "it cannot be read: No such file or directory"),
            ("/", "it cannot be read: Is a directory"),
        ):
            error = self.assertRaises(ConfigurationError, readOptionsFile, name)
            self.assertEqual(str(error), why)


class ServerTests(SynchronousTestCase):
    """
    Tests for ``located``.
    """

    def test_located(self) -> None:
        """
        The option comes before anything else, and is gone then.
        """
        other, rest = HostPort("192.0.2.9", 1), Arguments(a=1)
        self.assertEqual(located(rest, None), (None, rest))
        self.assertEqual(located(rest, other), (other, rest))
        for text in ("192.0.2.1:443", "[2001:db8::1]:443", "example.org:443"):
            found = located(Arguments(serverAddress=text, a=1), other)
            self.assertEqual(found, (HostPort.parse(text), rest))

    def test_wrong(self) -> None:
        wrong: list[Any] = ["192.0.2.1", "192.0.2.1:0", "", 443, ["192.0.2.1:443"], None]
        for value in wrong:
            arguments = Arguments(serverAddress=value)
            error = self.assertRaises(ConfigurationError, located, arguments, None)
            self.assertIn("serverAddress", str(error))
            self.assertNotIn("192.0.2.1", str(error))
