"""
Tests for ``pyptwist.transports.optimizer.choices``.
"""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pyptwist import limits
from pyptwist.addresses import HostPort
from pyptwist.arguments import Arguments
from pyptwist.bridgeline import BridgeLine
from pyptwist.errors import ConfigurationError
from pyptwist.ipc.quoting import formatSocksArguments, splitSocksArguments
from pyptwist.transports.optimizer.choices import read

_TARGET = HostPort("192.0.2.9", 9)
_LIST: Any = [
    {"name": "obfs4", "config": {"cert": "A", "iat-mode": 0}},
    {"name": "shadow", "config": {"serverAddress": "192.0.2.1:443", "password": "p"}},
    {"name": "obfs4|b64"},
]


class ReadTests(SynchronousTestCase):
    """
    Tests for ``read``.
    """

    def test_forms(self) -> None:
        """
        A list, as JSON and TOML have it, and the same as text, which a bridge line and
        SOCKS can carry.
        """
        text = json.dumps(_LIST, separators=(",", ":"))
        line = BridgeLine.parse(f"Bridge Optimizer 192.0.2.9:9 transports={text} strategy=track")
        self.assertEqual(BridgeLine.parse(str(line)), line)
        self.assertTrue(all(splitSocksArguments(formatSocksArguments(line.arguments))))
        for arguments in (
            Arguments({"transports": _LIST, "strategy": "track"}),
            Arguments({"transports": text, "strategy": "track"}),
            line.arguments,
        ):
            wanted = read(arguments, _TARGET)
            self.assertEqual((wanted.strategy, wanted.parallel, wanted.rounds), ("track", 1, 0))
            self.assertEqual(
                [(c.number, c.method, c.target, c.arguments) for c in wanted.choices],
                [
                    (1, "obfs4", _TARGET, Arguments({"cert": "A", "iat-mode": 0})),
                    (2, "shadow", HostPort("192.0.2.1", 443), Arguments(password="p")),
                    (3, "obfs4|b64", _TARGET, Arguments()),
                ],
            )

    def test_options(self) -> None:
        """
        What has a default.
        """
        wanted = read(Arguments({"transports": _LIST}), None)
        self.assertEqual((wanted.strategy, wanted.parallel, wanted.rounds), ("first", 1, 0))
        self.assertIsNone(wanted.choices[0].target)
        given = Arguments({"transports": _LIST, "parallel": "3", "rounds": 2})
        wanted = read(given, None)
        self.assertEqual((wanted.parallel, wanted.rounds), (3, 2))

    def test_identity(self) -> None:
        """
        Transports that differ in anything are told apart, and others are not.
        """

        def identity(entry: Any, target: HostPort | None = _TARGET) -> str:
            return read(Arguments({"transports": [entry]}), target).choices[0].identity

        here = {"name": "obfs4", "config": {"a": 1, "b": [2]}}
        there = {"name": "obfs4", "config": {"a": 1, "b": [2], "serverAddress": str(_TARGET)}}
        self.assertEqual(identity(here), identity(there, None))
        for other in (
            {"name": "obfs3", "config": {"a": 1, "b": [2]}},
            {"name": "obfs4", "config": {"a": "1", "b": [2]}},
            {"name": "obfs4", "config": {}},
        ):
            self.assertNotEqual(identity(here), identity(other))
        self.assertNotEqual(identity(here), identity(here, None))

    def test_wrong(self) -> None:
        """
        Each mistake is named with the place where it is, and no value is shown.
        """
        secret = {"name": "obfs4", "config": {"password": "secret"}}
        mistakes: tuple[tuple[Any, str], ...] = (
            ({}, "'transports' must be there"),
            ({"transports": []}, "list of 1 to 32"),
            ({"transports": [secret] * 33}, "list of 1 to 32"),
            ({"transports": {"secret": 1}}, "list of 1 to 32"),
            ({"transports": "secret"}, "'transports': this is not JSON"),
            ({"transports": ""}, "not JSON"),
            ({"transports": '[],"strategy":"secret"'}, "not JSON"),
            ({"transports": '[],"transports":[]'}, "twice"),
            ({"transports": '[{"name":"a","name":"secret"}]'}, "twice"),
            ({"transports": "[" * 10_000}, "not JSON"),
            ({"transports": " " * limits.OPTIONS + "[]"}, "characters"),
            ({"transports": [secret, "secret"]}, "transport 2 of 'transports' must be an object"),
            ({"transports": [{"name": "a", "secret": 1}]}, "name and config"),
            ({"transports": [{"config": {}}]}, "name of transport 1"),
            ({"transports": [{"name": 1}]}, "name of transport 1"),
            ({"transports": [{"name": " "}]}, "name of transport 1"),
            ({"transports": [{"name": "a\n"}]}, "name of transport 1"),
            ({"transports": [{"name": "a", "config": "secret"}]}, "config of transport 1"),
            (
                {"transports": [{"name": "a", "config": {"serverAddress": "secret"}}]},
                "transport 1 of 'transports': the option 'serverAddress'",
            ),
            ({"transports": [secret], "strategy": "secret"}, "'strategy' must be one of first, "),
            ({"transports": [secret], "strategy": "First"}, "'strategy'"),
            ({"transports": [secret], "parallel": 0}, "'parallel' must be between 1 and 8"),
            ({"transports": [secret], "parallel": 9}, "'parallel'"),
            ({"transports": [secret], "rounds": -1}, "'rounds'"),
            ({"transports": [secret], "stratgy": "track"}, "no argument 'stratgy'"),
        )
        for wrong, expected in mistakes:
            error = self.assertRaises(ConfigurationError, read, Arguments(wrong), _TARGET)
            self.assertIn(expected, str(error))
            self.assertNotIn("secret", str(error))
        twice = Arguments([("transports", _LIST), ("transports", _LIST)])
        self.assertRaises(ConfigurationError, read, twice, None)

    def test_private(self) -> None:
        """
        What is printed of it shows no address and no secret.
        """
        wanted = read(Arguments({"transports": _LIST}), _TARGET)
        for shown in (repr(wanted), repr(wanted.choices), wanted.choices[1].label):
            self.assertNotIn("192.0.2", shown)
            self.assertNotIn("cert", shown)
        self.assertEqual(wanted.choices[1].label, "2 (shadow)")

    @given(
        st.text(max_size=60)
        | st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(max_size=5),
            lambda inner: (
                st.lists(inner, max_size=4)
                | st.dictionaries(st.sampled_from(["name", "config", "serverAddress"]), inner)
            ),
            max_leaves=8,
        )
    )
    def test_anything(self, given: Any) -> None:
        """
        Whatever is asked for is understood, or is the user's fault.
        """
        for arguments in (Arguments({"transports": given}), Arguments({"transports": [given]})):
            try:
                read(arguments, _TARGET)
            except ConfigurationError:
                continue
