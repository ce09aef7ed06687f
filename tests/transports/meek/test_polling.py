"""
The client's machine: when it asks, and what it does about answers.
"""

from __future__ import annotations

from collections.abc import Sequence

from twisted.trial.unittest import SynchronousTestCase

from pyptwist import limits
from pyptwist.codec import READY, Deliver, Finished, Transmit
from pyptwist.errors import ClosedByPeer, FramingError
from pyptwist.transports.meek.errors import SessionLost
from pyptwist.transports.meek.numbering import (
    ID_ENTROPY,
    Flag,
    Frame,
    confirmation,
    offer,
    room,
)
from pyptwist.transports.meek.polling import ClientMachine

ID = offer(bytes(ID_ENTROPY))


class _Case(SynchronousTestCase):
    """
    :ivar now: the time that the machine is told.
    """

    def setUp(self) -> None:
        self.now = 100.0
        self.machine = ClientMachine(ID)
        self.assertEqual(self.machine.start(self.now), [Transmit(b"")])

    def asks(self) -> tuple[float, bytes]:
        """
        Wait until it asks.

        :returns: how long that took, and the body.
        """
        at = self.machine.nextTimer
        assert at is not None, "it never asks"
        waited, self.now = at - self.now, at
        (effect,) = self.machine.timerFired(self.now)
        assert isinstance(effect, Transmit)
        return round(waited, 3), bytes(effect.data)


class PlainTests(_Case):
    """
    With a server of another kind.
    """

    def setUp(self) -> None:
        super().setUp()
        self.assertEqual(self.machine.answered(b"", self.now), [READY])

    def waits(self, answers: list[bytes]) -> list[float]:
        """
        :returns: the time before each question.
        """
        found = []
        for answer in answers:
            waited, _ = self.asks()
            found.append(waited)
            self.machine.answered(answer, self.now)
        return found

    def test_schedule(self) -> None:
        """
        As the reference's: 100 ms, half as much again each time, 5 s at the most; at
        once behind bytes.
        """
        grown = [0.1, 0.15, 0.225, 0.338, 0.506, 0.759, 1.139, 1.709, 2.563, 3.844, 5.0, 5.0]
        self.assertEqual(self.waits([b""] * 12), grown)
        self.assertEqual(self.waits([b"abc", b"", b"", b""]), [5.0, 0.0, 0.1, 0.15])

    def test_dataCutsWait(self) -> None:
        """
        What is written in one turn goes at once, in one request; the next one comes at
        once, too.
        """
        self.waits([b""] * 12)
        self.machine.send(b"ab", self.now)
        self.machine.send(b"c", self.now)
        self.assertEqual(self.asks(), (0.0, b"abc"))
        self.machine.answered(b"", self.now)
        self.assertEqual(self.waits([b"", b""]), [0.0, 0.1])

    def test_oneInFlight(self) -> None:
        """
        What is written while a request is under way waits for its answer; a body has a
        length.
        """
        self.asks()
        self.machine.send(bytes(limits.MEEK_BODY + 1), self.now)
        self.assertIsNone(self.machine.nextTimer)
        self.assertEqual(self.machine.backlog, 1)
        self.machine.answered(b"", self.now)
        self.assertEqual(self.asks(), (0.0, bytes(limits.MEEK_BODY)))
        self.machine.answered(b"", self.now)
        self.assertEqual(self.asks(), (0.0, b"\0"))

    def test_delivered(self) -> None:
        self.asks()
        self.assertEqual(self.machine.answered(b"xyz", self.now), [Deliver(b"xyz")])

    def test_pause(self) -> None:
        """
        Who takes nothing does not ask, whatever he has to say.
        """
        self.machine.pause()
        self.machine.send(b"abc", self.now)
        self.assertIsNone(self.machine.nextTimer)
        self.machine.resume(self.now)
        self.assertEqual(self.asks(), (0.0, b"abc"))
        self.machine.pause()
        self.machine.answered(b"", self.now)
        self.assertIsNone(self.machine.nextTimer)

    def test_longSilence(self) -> None:
        """
        In a pause, or because the machine slept: Tor's meek-server, after two minutes,
        was seen to begin another session under the same id.
        """
        self.machine.pause()
        self.machine.resume(self.now + limits.MEEK_PATIENCE - 0.1)
        for _ in range(3):
            self.assertEqual(self.asks()[1], b"")
            self.machine.answered(b"", self.now)
        self.assertIsNotNone(self.machine.nextTimer)
        self.assertLost(self.machine.timerFired(self.now + limits.MEEK_PATIENCE + 0.1))
        self.assertIsNone(self.machine.nextTimer)

    def test_longSilenceAtTheEnd(self) -> None:
        """
        What is still to be sent is not sent to anybody else.
        """
        self.machine.pause()
        self.machine.send(b"last", self.now)
        self.now += limits.MEEK_PATIENCE
        self.assertEqual(self.machine.sendEnd(self.now), [])
        self.assertLost(self.machine.timerFired(self.now))

    def test_failure(self) -> None:
        """
        A request that may have arrived, and may not, cannot be made again.
        """
        self.asks()
        self.assertLost(self.machine.failed(self.now))
        self.assertIsNone(self.machine.nextTimer)

    def assertLost(self, effects: Sequence[object]) -> None:
        (effect,) = effects
        assert isinstance(effect, Finished)
        self.assertIsInstance(effect.error, SessionLost)

    def test_end(self) -> None:
        """
        All is sent, then it is over; the server is not told.
        """
        self.machine.send(b"last", self.now)
        self.assertEqual(self.machine.sendEnd(self.now), [])
        self.assertEqual(self.asks(), (0.0, b"last"))
        self.assertEqual(self.machine.answered(b"x", self.now), [Deliver(b"x"), Finished()])
        self.assertIsNone(self.machine.farewell())

    def test_endAtOnce(self) -> None:
        self.assertEqual(self.machine.sendEnd(self.now), [Finished()])


class OpeningTests(_Case):
    """
    Until the first answer.
    """

    def test_firstWords(self) -> None:
        """
        A server of either kind may speak first.
        """
        self.assertEqual(self.machine.answered(b"hello", self.now), [READY, Deliver(b"hello")])
        self.assertFalse(self.machine.isNumbered)
        machine = ClientMachine(ID)
        machine.start(self.now)
        body = confirmation(ID) + Frame(0, Flag.NONE, b"hello").encode()
        self.assertEqual(machine.answered(body, self.now), [READY, Deliver(b"hello")])
        self.assertTrue(machine.isNumbered)

    def test_full(self) -> None:
        """
        A server that has no room for the session says so.
        """
        body = confirmation(ID) + Frame(0, Flag.GONE).encode()
        (effect,) = self.machine.answered(body, self.now)
        assert isinstance(effect, Finished)
        self.assertIsInstance(effect.error, ClosedByPeer)

    def test_nonsense(self) -> None:
        for machine, body in ((self.machine, confirmation(ID)), (ClientMachine(ID), None)):
            effects = machine.failed(0.0) if body is None else machine.answered(body, self.now)
            (effect,) = effects
            assert isinstance(effect, Finished)
            self.assertIsInstance(effect.error, ClosedByPeer)


class NumberedTests(_Case):
    """
    With one of our own kind.
    """

    def setUp(self) -> None:
        super().setUp()
        body = confirmation(ID) + Frame(0).encode()
        self.assertEqual(self.machine.answered(body, self.now), [READY])

    def frame(self) -> Frame:
        """
        :returns: the next request's.
        """
        return Frame.decode(self.asks()[1])

    def answer(self, number: int, flags: Flag = Flag.NONE, payload: bytes = b"") -> list[object]:
        return [*self.machine.answered(Frame(number, flags, payload).encode(), self.now)]

    def test_numbers(self) -> None:
        """
        Each request has the next one.
        """
        self.machine.send(bytes(room(1) + 3), self.now)
        self.assertEqual(self.frame(), Frame(1, Flag.NONE, bytes(room(1))))
        self.assertEqual(self.answer(1, payload=b"x"), [Deliver(b"x")])
        self.assertEqual(self.frame(), Frame(2, Flag.NONE, bytes(3)))

    def test_repeated(self) -> None:
        """
        One that fails is made again, the same, later and later; whatever is written
        meanwhile waits.
        """
        self.machine.send(b"abc", self.now)
        _, first = self.asks()
        self.machine.send(b"d", self.now)
        waits = []
        for _ in range(9):
            self.assertEqual(self.machine.failed(self.now), [])
            waited, again = self.asks()
            waits.append(waited)
            self.assertEqual(again, first)
        self.assertEqual(waits, [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 8.0, 8.0])
        self.answer(1)
        self.assertEqual(self.frame(), Frame(2, Flag.NONE, b"d"))
        self.machine.failed(self.now)
        self.assertEqual(self.asks()[0], 0.1)

    def test_impatience(self) -> None:
        """
        Not for ever.
        """
        began = self.now
        self.asks()
        while not (effects := self.machine.failed(self.now)):
            self.asks()
        (effect,) = effects
        assert isinstance(effect, Finished)
        self.assertIsInstance(effect.error, SessionLost)
        self.assertLess(self.now - began, limits.MEEK_SESSION)

    def test_strangeAnswers(self) -> None:
        """
        A page of a CDN's, or an answer that somebody kept, is no answer: the request is
        repeated.
        """
        _, first = self.asks()
        for body in (b"", b"<html>", Frame(0).encode(), Frame(2).encode()):
            self.assertEqual(self.machine.answered(body, self.now), [])
            self.assertEqual(self.asks()[1], first)

    def test_gone(self) -> None:
        self.asks()
        (effect,) = self.answer(1, Flag.GONE)
        assert isinstance(effect, Finished)
        self.assertIsInstance(effect.error, SessionLost)

    def test_serverEnds(self) -> None:
        self.asks()
        self.assertEqual(self.answer(1, Flag.END, b"bye"), [Deliver(b"bye"), Finished()])

    def test_end(self) -> None:
        """
        The server is told behind the last of it, and until it says so, too, it is not
        over; but at some time it is.
        """
        self.machine.send(bytes(room(1) + 1), self.now)
        self.machine.sendEnd(self.now)
        self.assertEqual(self.frame().flags, Flag.HOLD)
        self.answer(1)
        self.assertEqual(self.frame(), Frame(2, Flag.HOLD | Flag.END, b"\0"))
        self.machine.failed(self.now)
        self.assertEqual(self.frame().number, 2)
        late = self.machine.nextTimer
        assert late is not None
        self.assertEqual(self.machine.timerFired(late), [Finished()])

    def test_endUnreachable(self) -> None:
        """
        Whoever cannot even be connected to is not told of the end alone.
        """
        self.machine.send(b"x", self.now)
        self.machine.sendEnd(self.now)
        self.asks()
        self.assertEqual(self.machine.failed(self.now, isUnreachable=True), [])
        self.asks()
        self.answer(1)
        self.asks()
        self.assertEqual(self.machine.failed(self.now), [])
        self.asks()
        self.assertEqual(self.machine.failed(self.now, isUnreachable=True), [Finished()])

    def test_ended(self) -> None:
        self.machine.sendEnd(self.now)
        self.assertEqual(self.frame(), Frame(1, Flag.HOLD | Flag.END))
        self.assertEqual(self.answer(1, Flag.END), [Finished()])

    def test_paused(self) -> None:
        """
        Who takes nothing says so, and sends on.
        """
        self.machine.pause()
        self.machine.send(b"abc", self.now)
        self.assertEqual(self.frame(), Frame(1, Flag.HOLD, b"abc"))
        self.answer(1)
        self.machine.resume(self.now)
        self.assertEqual(self.frame(), Frame(2))

    def test_unasked(self) -> None:
        """
        A server that sends all the same would fill our memory.
        """
        self.machine.pause()
        self.asks()
        (effect,) = self.answer(1, payload=b"x")
        assert isinstance(effect, Finished)
        self.assertIsInstance(effect.error, FramingError)

    def test_held(self) -> None:
        """
        A server that takes nothing gets nothing, and is asked whether it does.
        """
        self.asks()
        self.machine.send(b"abc", self.now)
        self.answer(1, Flag.HOLD)
        for number in range(2, 9):
            self.assertEqual(self.asks(), (0.1, Frame(number).encode()))
            self.answer(number, Flag.HOLD)
        self.asks()
        self.answer(9)
        self.assertEqual(self.asks(), (0.0, Frame(10, Flag.NONE, b"abc").encode()))

    def test_farewell(self) -> None:
        """
        Who drops everything says so.
        """
        self.asks()
        self.assertEqual(self.machine.farewell(), Frame(1, Flag.GONE).encode())
        self.assertIsNone(self.machine.farewell())
        self.assertIsNone(self.machine.nextTimer)
