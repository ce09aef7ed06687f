"""
Tests for ``pyptwist.misspelt``; ``test_misspeltsources`` has those of where it is used.
"""

from __future__ import annotations

import contextlib
import difflib
import gc

from twisted.logger import LogLevel, capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from pyptwist import limits, misspelt
from pyptwist.arguments import JSON, Arguments
from pyptwist.errors import ConfigurationError
from pyptwist.misspelt import Watch, closest, watching


def said(key: str, meant: str) -> str:
    """
    :returns: what is told of a key.
    """
    return f"there is no option {key!r}: is {meant!r} meant?"


class RuleTests(SynchronousTestCase):
    """
    Tests for ``watching``.
    """

    def judge(self, given: str, asked: str, isHanded: bool, protects: str) -> tuple[str, str]:
        """
        :returns: why it is refused, and what is warned of; empty for neither.
        """
        warnings: list[str] = []
        try:
            with watching("x", warnings.append) as watch:
                make = watch.handed if isHanded else watch.own
                arguments = make(Arguments(dict.fromkeys(given.split(), "secret")))
                arguments.protects(*protects.split())
                for key in asked.split():
                    arguments.get(key)
        except ConfigurationError as error:
            return str(error), "; ".join(warnings)
        return "", "; ".join(warnings)

    def test_rule(self) -> None:
        """
        Who wrote it, how similar it is, and what it is to protect decides.
        """
        mode, short = said("iat-mod", "iat-mode"), said("mode", "iat-mode")
        crt, polish = said("crt", "cert"), said("polihs", "polish")
        for given, asked, isHanded, protects, refused, warned in (
            ("iat-mode", "iat-mode", False, "", "", ""),
            ("iat-mod", "iat-mode", False, "", mode, ""),
            ("iat-mod", "iat-mode", True, "", "", mode),
            ("iat-mod", "", True, "iat-mode", mode, ""),
            ("mode", "iat-mode", False, "", "", short),
            ("mode", "iat-mode", False, "iat-mode", "", short),
            ("mode", "iat-mode", True, "iat-mode", "", ""),
            ("newer", "iat-mode", False, "iat-mode", "", ""),
            ("IAT_MODE", "iat-mode", False, "", said("IAT_MODE", "iat-mode"), ""),
            # It was there as well, or somebody looked at this one, too.
            ("iat-mod iat-mode", "iat-mode", False, "", "", ""),
            ("iat-mod", "iat-mod iat-mode", False, "", "", ""),
            ("iat-mod", "", False, "", "", ""),
            ("polihs crt", "polish cert", False, "", f"{crt}; {polish}", ""),
        ):
            with self.subTest(given=given, asked=asked, isHanded=isHanded):
                found = self.judge(given, asked, isHanded, protects)
                self.assertEqual(found, (refused, warned))

    def test_failure(self) -> None:
        """
        What a method fails with is told first, and once; other errors are let alone.
        """

        def fail(error: Exception, **given: JSON) -> None:
            with watching("x") as watch:
                watch.handed(Arguments(given)).get("cert")
                raise error

        missing = ConfigurationError("'cert' is missing")
        error = self.assertRaises(ConfigurationError, fail, missing, crt="x")
        self.assertEqual(str(error), f"'cert' is missing; {said('crt', 'cert')}")
        again = self.assertRaises(ConfigurationError, fail, error, crt="x")
        self.assertIs(again, error)
        self.assertIs(self.assertRaises(ConfigurationError, fail, missing, other="x"), missing)
        self.assertRaises(ZeroDivisionError, fail, ZeroDivisionError(), crt="x")

    def test_once(self) -> None:
        """
        Each warning is logged once in a process, and there is a bound to how many.
        """
        self.patch(misspelt, "_warned", set())
        self.patch(limits, "MISSPELT_WARNINGS", 2)
        with capturedLogs() as events:
            for name in ("one", "one", "two", "three"):
                with watching(name) as watch:
                    watch.handed(Arguments(urll="https://192.0.2.1/")).get("url")
        self.assertEqual([event["name"] for event in events], ["one", "two"])
        self.assertEqual({event["text"] for event in events}, {said("urll", "url")})
        self.assertEqual({event["log_level"] for event in events}, {LogLevel.warn})

    def test_many(self) -> None:
        """
        Whoever sends thousands gets a short answer, and is soon done with.
        """
        tried = 0

        def look(*arguments: object) -> list[str]:
            nonlocal tried
            tried += 1
            return ["front"]

        self.patch(difflib, "get_close_matches", look)
        keys = [f"front{number}" for number in range(10_000)]
        for failure in (None, ConfigurationError("'url' is missing")):
            with self.assertRaises(ConfigurationError) as caught, watching("x") as watch:
                watch.handed(Arguments(dict.fromkeys(keys, ""))).protects("front")
                if failure is not None:
                    raise failure
            self.assertLess(len(str(caught.exception)), 1000)
        self.assertLess(tried, 1000)

    def test_over(self) -> None:
        """
        What a method keeps has nothing behind it when the watch is over, however often
        other arguments are made of it.
        """
        kept: list[Arguments] = []
        before = _records()  # of other tests, which nobody has cleared away yet
        for failure in (None, ConfigurationError("wrong")):
            with contextlib.suppress(ConfigurationError), watching("x") as watch:
                arguments = watch.own(Arguments({"a-b": "1", "polish": {}}))
                kept = [arguments, arguments.without("x"), arguments.layer("a", [("b", "1")])]
                if failure is not None:
                    raise failure
            for one in kept:
                one.get("flavour")
                for made in (
                    one.without("x"),
                    one.updated(Arguments(c="2")),
                    one.layer("a", [("b", "1")]),
                    one.inside("polish", [("c", "1")]),
                ):
                    self.assertIs(type(made), Arguments)
            self.assertEqual([each for each in _records() if each not in before], [])

    def test_closest(self) -> None:
        """
        Case, hyphens and what is alike do not count; length does.
        """
        for key, meant in (
            ("Cipher-Name", "cipherName"),
            ("iat_mod", "iat-mode"),
            ("x" * 100_000, None),
            ("cipherName" + "x" * 100_000, None),
            ("", None),
        ):
            self.assertEqual(closest(key, ["cipherName", "iat-mode"]), meant)


class DerivedTests(SynchronousTestCase):
    """
    Tests for what is made of watched arguments.
    """

    def setUp(self) -> None:
        self.watch = Watch()

    def told(self) -> list[str]:
        """
        :returns: the misspellings; those refused have a mark.
        """
        found = self.watch.misspellings()
        return [f"{each.key}>{each.meant}{'!' * each.isRefused}" for each in found]

    def test_same(self) -> None:
        """
        They are what others are.
        """
        pairs: list[tuple[str, JSON]] = [("a", "1"), ("b", 2), ("a", "3")]
        plain, watched = Arguments(pairs), self.watch.own(Arguments(pairs))
        self.assertEqual(plain, watched)
        self.assertEqual(hash(plain), hash(watched))
        self.assertEqual(plain.identity(), watched.identity())
        self.assertEqual(plain.without("a"), watched.without("a"))
        more = Arguments(b=3, c=4)
        self.assertEqual(plain.updated(more), watched.updated(more))
        self.assertEqual(plain.layer("x", more.items()), watched.layer("x", more.items()))
        self.assertEqual(plain.inside("a", more.items()), watched.inside("a", more.items()))
        plain.protects("a")

    def test_looks(self) -> None:
        """
        Each way to look for a key is one.
        """
        for look in (
            lambda a: "flavour" in a,
            lambda a: a.get("flavour"),
            lambda a: a.all("flavour"),
            lambda a: a.flag("flavour"),
            lambda a: a.integer("flavour", 0, 9, 1),
            lambda a: a.without("flavour"),
            lambda a: a.without("x").get("flavour"),
            lambda a: a.updated(Arguments(x="1")).get("flavour"),
            lambda a: Watch().own(a).get("flavour"),
        ):
            self.watch = Watch()
            look(self.watch.own(Arguments(flavor="1")))
            self.assertEqual(self.told(), ["flavor>flavour!"])

    def test_noLooks(self) -> None:
        """
        What is done with others, and with all of them, is none.
        """
        watched = self.watch.own(Arguments(flavor="1"))
        Arguments(flavour="2").updated(watched)
        watched.updated(Arguments(flavour="2"))
        hash(watched)
        self.assertIn("flavor", set(watched))
        self.assertEqual(self.told(), [])

    def test_replaced(self) -> None:
        """
        A key that somebody else brings is not missing.
        """
        watched = self.watch.own(Arguments(flavor="1"))
        watched.updated(Arguments(flavour="2")).get("flavour")
        self.assertEqual(self.told(), [])

    def test_both(self) -> None:
        """
        Of two who wrote arguments, each is told of his own.
        """
        for handed, mark in (((), "!"), ({"flavor"}, ""), ({"other"}, "!")):
            self.watch = Watch()
            self.watch.mixed(Arguments(flavor="1", other="2"), handed).get("flavour")
            self.assertEqual(self.told(), [f"flavor>flavour{mark}"])

    def test_parts(self) -> None:
        """
        What is taken out of them is watched, and told as it stands there.
        """
        for handed, mark in (((), "!"), ({"obfs4-iat-mod", "polish"}, "")):
            self.watch = Watch()
            given: dict[str, JSON] = {"obfs4-iat-mod": "1", "polish": {"keeys": "1"}}
            watched = self.watch.mixed(Arguments(given), handed)
            watched.layer("obfs4", [("iat-mod", "1")]).get("iat-mode")
            inner = watched.inside("polish", [("keeys", "1"), ("flavor", {})], " 2")
            inner.get("keys")
            inner.inside("flavor", [("swet", "1")]).get("sweet")
            self.assertEqual(
                self.told(),
                [
                    f"obfs4-iat-mod>obfs4-iat-mode{mark}",
                    f"polish 2.keeys>polish 2.keys{mark}",
                    f"polish 2.flavor.swet>polish 2.flavor.sweet{mark}",
                ],
            )


def _records() -> list[object]:
    """
    :returns: all that any watch remembers.
    """
    return [each for each in gc.get_objects() if type(each) is misspelt._Record]
