"""
Tests for ``pyptwist.testing.conformance`` and ``pyptwist.testing.endpoints``: what
is right passes.  What is wrong in one way fails the test for that; this is in the
modules named after those that hold the tests.
"""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from pyptwist.testing import CodecConformance, EndpointConformance, ManagedConformance
from pyptwist.testing.codeccase import places
from pyptwist.transports.dummy import Dummy
from tests.memory import Draining, Hello, Slow
from tests.testing.broken import PLAIN, Masked

#: What authors set for more than one mixin.
_SHARED = {"method", "serverArguments", "flushSeconds", "boundedBuffer", "plain", "setUp"}


class HelloTests(CodecConformance, EndpointConformance, SynchronousTestCase):
    method = Hello
    payload = PLAIN
    plain = True


class SlowTests(CodecConformance, EndpointConformance, SynchronousTestCase):
    method = Slow
    payload = PLAIN
    plain = True
    flushSeconds = 100.0


class DrainingTests(CodecConformance, EndpointConformance, SynchronousTestCase):
    method = Draining
    payload = PLAIN
    plain = True


class DummyTests(CodecConformance, EndpointConformance, SynchronousTestCase):
    method = Dummy
    plain = True


class MaskedTests(CodecConformance, EndpointConformance, SynchronousTestCase):
    method = Masked


def named(mixin: type) -> set[str]:
    """
    :returns: the public names of a mixin.
    """
    return {name for name in dir(mixin) if not name.startswith("_")}


class MixinTests(SynchronousTestCase):
    """
    The mixins as such.
    """

    def test_together(self) -> None:
        """
        All fit into one test case: none hides what another has.
        """
        mixins = (CodecConformance, EndpointConformance, ManagedConformance)
        for one, other in combinations(mixins, 2):
            self.assertLessEqual(named(one) & named(other), _SHARED)

    def test_apart(self) -> None:
        """
        Nor does any of the parts of one.
        """
        for mixin in (CodecConformance, EndpointConformance):
            for one, other in combinations(mixin.__bases__, 2):
                own = [name for name in vars(one) if name in vars(other) and "__" not in name]
                self.assertEqual(own, [])

    def test_eachIsNeeded(self) -> None:
        """
        Each test is failed by something here that is broken.
        """
        here = Path(__file__).parent
        text = "".join(path.read_text() for path in here.glob("test_*.py"))
        mixins = (CodecConformance, EndpointConformance, ManagedConformance)
        tests = {name for mixin in mixins for name in named(mixin) if name.startswith("test_")}
        self.assertEqual({name for name in tests if f'"{name}"' not in text}, set())


class PlacesTests(SynchronousTestCase):
    """
    Where messages are cut.
    """

    def test_few(self) -> None:
        """
        Everywhere, if that is not too often.
        """
        self.assertEqual(places([3, 6], 10), [1, 2, 3, 4, 5])
        self.assertEqual(places([], 10), [])

    def test_many(self) -> None:
        """
        Else at as many places as may be, the beginning and each end among them.
        """
        found = places([1000, 300], 20)
        self.assertEqual(found[:9], list(range(1, 10)))
        self.assertLessEqual({299, 999}, set(found))
        self.assertLess(len(found), 25)


def masked() -> Masked:
    """
    :returns: the method, made by a function, as stacks are.
    """
    return Masked()


class FunctionTests(CodecConformance, EndpointConformance, SynchronousTestCase):
    method = masked
