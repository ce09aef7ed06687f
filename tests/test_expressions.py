"""
Tests for ``pyptwist.expressions``.
"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pyptwist.arguments import Arguments
from pyptwist.errors import ConfigurationError
from pyptwist.expressions import (
    formatExpression,
    isExpression,
    joinArguments,
    layerNames,
    parseDefinition,
    parseExpression,
    splitArguments,
)

_NAMES = st.lists(st.sampled_from(["a", "a2", "a3", "b", "b2", "a22"]), min_size=1, max_size=8)


class ExpressionTests(SynchronousTestCase):
    def test_forms(self) -> None:
        """
        Blanks do not matter, and there are two signs for the same thing.
        """
        for text in ("obfs4|b64", "obfs4 | b64", " obfs4  |b64\t", "obfs4 over b64"):
            self.assertTrue(isExpression(text))
            self.assertEqual(parseExpression(text), ("obfs4", "b64"))
        self.assertEqual(parseExpression("a over b|c over over"), ("a", "b", "c", "over"))

    def test_names(self) -> None:
        """
        A method's name is no expression, even one with the word in it.
        """
        for name in ("obfs4", "over", "_over_", "overture", "b64_over_c", ""):
            self.assertFalse(isExpression(name))

    def test_wrong(self) -> None:
        """
        What is no expression is shown how one is written.
        """
        for text in ("", "obfs4", "obfs4|", "|b64", "a||b", "a | b c", "a|1b", "a|b-c", "a\n|é"):
            error = self.assertRaises(ConfigurationError, parseExpression, text)
            self.assertIn("'obfs4 | b64'", str(error))

    def test_format(self) -> None:
        """
        In one word, as torrc needs it.
        """
        self.assertEqual(formatExpression(parseExpression("a over b | c")), "a|b|c")


class DefinitionTests(SynchronousTestCase):
    def test_right(self) -> None:
        for text in ("x_y=obfs4|b64", " x_y = obfs4|b64 "):
            self.assertEqual(parseDefinition(text), ("x_y", "obfs4|b64"))

    def test_wrong(self) -> None:
        """
        What is wrong is named, with the right form.
        """
        for text, said in (
            ("obfs4|b64", "NAME=EXPRESSION, as in b64_obfs4=obfs4|b64"),
            ("x", "NAME=EXPRESSION"),
            ("=obfs4|b64", "'' cannot be a stack's name"),
            ("x-y=obfs4|b64", "'x-y' cannot be a stack's name"),
            ("4x=obfs4|b64", "no digit first"),
            ("x" * 101 + "=obfs4|b64", "a stack's name has 100 characters at the most"),
            ("x=obfs4", "there must be two layers or more"),
            ("x=obfs4=b64", "'obfs4=b64' cannot be a method's name"),
        ):
            error = self.assertRaises(ConfigurationError, parseDefinition, text)
            self.assertIn(said, str(error))


class LayerNameTests(SynchronousTestCase):
    def test_numbers(self) -> None:
        """
        Layers of the same method are told apart, and from other methods.
        """
        for methods, names in (
            ("obfs4 b64", "obfs4 b64"),
            ("obfs4 b64 obfs4 obfs4", "obfs4 b64 obfs42 obfs43"),
            ("obfs obfs obfs2", "obfs obfs3 obfs2"),
            ("obfs2 obfs obfs", "obfs2 obfs obfs3"),
        ):
            self.assertEqual(layerNames(methods.split()), tuple(names.split()))

    @given(_NAMES)
    def test_unique(self, methods: list[str]) -> None:
        """
        No two are alike; a method's first layer has its name.
        """
        names = layerNames(methods)
        self.assertEqual(len(set(names)), len(methods))
        for method, name in zip(methods, names, strict=True):
            self.assertTrue(name.startswith(method))
        for method in methods:
            self.assertEqual(names[methods.index(method)], method)


class ArgumentTests(SynchronousTestCase):
    @given(
        st.dictionaries(
            st.sampled_from(["obfs4", "b64", "obfs42"]),
            st.lists(st.tuples(st.text(min_size=1), st.text() | st.none())).map(Arguments),
            min_size=1,
        )
    )
    def test_roundTrip(self, layers: dict[str, Arguments]) -> None:
        """
        Whatever keys a method has, and however often, it gets them back in order.
        """
        self.assertEqual(splitArguments(joinArguments(layers), layers), layers)

    def test_hyphens(self) -> None:
        """
        The first hyphen is the one that counts.
        """
        split = splitArguments(Arguments({"b-iat-mode": "1", "a-iat": "2"}), ["a", "b"])
        self.assertEqual(split, {"a": Arguments(iat="2"), "b": Arguments({"iat-mode": "1"})})

    def test_unknown(self) -> None:
        """
        An argument of no layer is refused, and its right spelling shown.
        """
        for key in ("cert", "iat-mode", "a-", "c-cert", "-", ""):
            arguments = Arguments([("a-x", "1"), (key, "secret")])
            error = self.assertRaises(ConfigurationError, splitArguments, arguments, ["a", "b"])
            self.assertEqual(
                str(error),
                f"the argument {key!r} must begin with the name of its layer: a-{key} or b-{key}",
            )
