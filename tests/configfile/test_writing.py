"""
Tests for ``pyptwist.configfile.writing``.
"""

from __future__ import annotations

import tomllib
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pyptwist.arguments import Arguments
from pyptwist.configfile.writing import document, key, value
from pyptwist.errors import ConfigurationError

# TOML has all of Unicode, and integers of 64 bits.
_TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
_SCALARS = st.booleans() | st.integers(-(2**63), 2**63 - 1) | _TEXTS
_VALUES = st.recursive(
    _SCALARS, lambda inner: st.lists(inner) | st.dictionaries(_TEXTS, inner), max_leaves=8
)


class WritingTests(SynchronousTestCase):
    @given(_TEXTS, _VALUES)
    def test_value(self, name: str, data: Any) -> None:
        """
        Python's reader gets back what was written.
        """
        self.assertEqual(tomllib.loads(f"{key(name)} = {value(data)}"), {name: data})

    def test_document(self) -> None:
        text = document(
            "What it is.",
            {"a_b": "a | b"},
            "server",
            {"method": "a_b"},
            Arguments({"a-x": "1", "y": 2}),
        )
        self.assertEqual(
            tomllib.loads(text),
            {
                "stacks": {"a_b": "a | b"},
                "server": [{"method": "a_b", "options": {"a-x": "1", "y": 2}}],
            },
        )
        self.assertTrue(text.startswith("# What it is.\n"))

    def test_least(self) -> None:
        text = document("T", {}, "client", {"method": "x"}, Arguments())
        self.assertEqual(text, '# T\n\n[[client]]\nmethod = "x"\n')

    def test_impossible(self) -> None:
        for options in (Arguments([("a", "1"), ("a", "2")]), Arguments({"a": None})):
            self.assertRaises(ConfigurationError, document, "T", {}, "client", {}, options)
