"""
Tests for ``pyptwist.ownmethod``.
"""

from __future__ import annotations

import weakref
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from pyptwist.ownmethod import OwnMethod
from tests.remains import withoutCollector


class Door:
    """
    Open or closed.
    """

    state = OwnMethod()

    def open(self) -> bool:
        """
        A state.
        """
        self.state = self.closed
        return True

    def closed(self) -> bool:
        """
        Another one.
        """
        return False


class Gate(Door):
    """
    Differs in one state.
    """

    def closed(self) -> bool:
        return True


class OwnMethodTests(SynchronousTestCase):
    """
    ``OwnMethod``
    """

    def test_changes(self) -> None:
        """
        The method is called, chooses another one, and can be compared with.
        """
        door, other = Door(), Door()
        door.state = door.open
        other.state = other.open
        self.assertEqual(door.state, door.open)
        self.assertTrue(door.state())
        self.assertEqual(door.state, door.closed)
        self.assertEqual(other.state, other.open)
        self.assertFalse(door.state())

    def test_overridden(self) -> None:
        """
        It is the method of the object's class.
        """
        gate = Gate()
        gate.state = gate.open
        self.assertTrue(gate.state())
        self.assertTrue(gate.state())

    def test_unset(self) -> None:
        """
        Who chose none has none.
        """
        self.assertFalse(hasattr(Door(), "state"))

    def test_foreign(self) -> None:
        """
        What is no method of the object is refused.
        """
        door, other = Door(), Door()
        foreign: list[Any] = [other.open, lambda: True, Door.open]
        for method in foreign:
            with self.assertRaises(TypeError):
                door.state = method

    def test_freed(self) -> None:
        """
        The object is freed at once.
        """
        withoutCollector(self)
        door = Door()
        door.state = door.open
        remembered = weakref.ref(door)
        del door
        self.assertIsNone(remembered())
