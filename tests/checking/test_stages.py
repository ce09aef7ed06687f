"""
Tests for ``pyptwist.checking.stages``.
"""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from pyptwist.checking.stages import Course, Passed, Stage
from pyptwist.errors import Cause


class CourseTests(SynchronousTestCase):
    """
    Tests for ``Course``.
    """

    def setUp(self) -> None:
        self.clock = Clock()
        self.entered: list[Stage] = []
        self.course = Course(self.clock, self.entered.append)

    def test_whole(self) -> None:
        """
        Each stage takes what passes until the next.
        """
        self.course.dial()
        for stage in (Stage.RESOLVE, Stage.TCP, Stage.HANDSHAKE, Stage.TRAFFIC):
            self.course.enter(stage, "note" if stage is Stage.TCP else "")
            self.clock.advance(2)
        self.course.finish("done")
        self.assertEqual(
            self.course.passed,
            [
                Passed(Stage.RESOLVE, 2, None, "note"),
                Passed(Stage.TCP, 2),
                Passed(Stage.HANDSHAKE, 2),
                Passed(Stage.TRAFFIC, 2, None, "done"),
            ],
        )
        self.assertEqual(self.entered[0], Stage.RESOLVE)
        self.assertEqual(len(self.entered), 4)

    def test_failure(self) -> None:
        """
        The stage in which it ends has the cause; nothing follows.
        """
        self.course.dial()
        self.course.enter(Stage.TCP)
        self.clock.advance(1)
        self.course.fail(Cause.REFUSED, "why")
        self.assertTrue(self.course.isOver)
        self.course.fail(Cause.TIMEOUT)
        self.course.finish()
        self.course.enter(Stage.TRAFFIC)
        self.assertEqual(self.course.passed, [Passed(Stage.TCP, 1, Cause.REFUSED, "why")])

    def test_line(self) -> None:
        """
        What fails before anything is dialled is the line's.
        """
        self.course.fail(Cause.ARGUMENTS)
        self.assertEqual(self.course.passed, [Passed(Stage.LINE, 0, Cause.ARGUMENTS)])

    def test_noConnection(self) -> None:
        """
        A method without a network connection of its own has a handshake, which is
        all that it does.
        """
        self.clock.advance(1)
        self.course.dial()
        self.assertEqual(self.course.current, Stage.HANDSHAKE)
        self.clock.advance(2)
        self.course.enter(Stage.TRAFFIC)
        self.course.finish()
        self.assertEqual(
            self.course.passed, [Passed(Stage.HANDSHAKE, 2), Passed(Stage.TRAFFIC, 0)]
        )

    def test_noConnectionFails(self) -> None:
        """
        That may fail, too.
        """
        self.course.dial()
        self.course.fail(Cause.PROCESS)
        self.assertEqual(self.course.passed, [Passed(Stage.HANDSHAKE, 0, Cause.PROCESS)])

    def test_again(self) -> None:
        """
        Further connections of a method change nothing.
        """
        self.course.dial()
        for stage in (Stage.TCP, Stage.HANDSHAKE, Stage.TCP, Stage.HANDSHAKE):
            self.course.enter(stage)
        self.assertEqual(self.entered, [Stage.TCP, Stage.HANDSHAKE])
