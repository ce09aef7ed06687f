"""
The server's machine: what it makes of requests, and when it answers.
"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pyptwist import limits
from pyptwist.codec import Deliver, Finished
from pyptwist.errors import FramingError
from pyptwist.transports.meek.answering import Answer, Drop, Outcome, ServerMachine
from pyptwist.transports.meek.errors import SessionLost
from pyptwist.transports.meek.numbering import (
    ID_ENTROPY,
    Flag,
    Frame,
    confirmation,
    offer,
    room,
)

TURNAROUND = 0.01

#: Bodies that mean something at some time.
_BODIES = (
    b"",
    *(Frame(number, Flag.NONE, b"x").encode() for number in range(4)),
    *(Frame(1, flag).encode() for flag in Flag),
)


class _Case(SynchronousTestCase):
    """
    :ivar now: the time that the machine is told.
    """

    sessionId: str

    def setUp(self) -> None:
        self.now = 100.0
        self.machine = ServerMachine(self.sessionId, TURNAROUND, self.now)

    def answered(self) -> tuple[float, list[Outcome]]:
        """
        Wait for the next thing that it does.

        :returns: how long that took, and what it is.
        """
        at = self.machine.nextTimer
        assert at is not None, "it does nothing more"
        waited, self.now = at - self.now, at
        return round(waited, 3), self.machine.timerFired(self.now)

    def assertEnds(self, outcomes: list[Outcome], kind: type[BaseException]) -> None:
        """
        The application is told that it is over, and why.
        """
        (end,) = (outcome for outcome in outcomes if isinstance(outcome, Finished))
        self.assertIsInstance(end.error, kind)


class PlainTests(_Case):
    """
    With a client of another kind.
    """

    sessionId = "0123456789abcdef"

    def ask(self, request: object, body: bytes = b"") -> list[Outcome]:
        return self.machine.requested(request, body, self.now)

    def test_turnaround(self) -> None:
        """
        An answer waits for something to say, for a short time.
        """
        self.assertEqual(self.ask(1, b"abc"), [Deliver(b"abc")])
        self.assertEqual(self.answered(), (TURNAROUND, [Answer(1, b"")]))
        self.ask(2)
        self.machine.send(b"de", self.now)
        self.machine.send(b"f", self.now)
        self.assertEqual(self.answered(), (0.0, [Answer(2, b"def")]))
        self.machine.send(b"ghi", self.now)
        self.ask(3)
        self.assertEqual(self.answered(), (0.0, [Answer(3, b"ghi")]))

    def test_fullBody(self) -> None:
        """
        Who sends as much as fits has more to send.
        """
        self.ask(1, bytes(limits.MEEK_BODY))
        self.assertEqual(self.answered(), (0.0, [Answer(1, b"")]))

    def test_longAnswer(self) -> None:
        """
        The reference's client would lose what is more than this.
        """
        self.machine.send(bytes(limits.MEEK_BODY + 5), self.now)
        for number, length in ((1, limits.MEEK_BODY), (2, 5)):
            self.ask(number)
            self.assertEqual(self.answered(), (0.0, [Answer(number, bytes(length))]))

    def test_serialised(self) -> None:
        """
        A request waits for the one before; and not more than a few.
        """
        self.assertEqual(self.ask(1, b"a"), [Deliver(b"a")])
        for number in range(limits.MEEK_QUEUED):
            self.assertEqual(self.ask(2 + number, b"b"), [])
        self.assertEqual(self.ask(9, b"c"), [Drop(9, isBad=True)])
        self.assertEqual(self.answered()[1], [Answer(1, b""), Deliver(b"b")])
        self.assertEqual(self.machine.gone(3, self.now), [])
        self.assertEqual(self.machine.gone(2, self.now), [])
        self.ask(4)
        self.assertEqual(self.answered()[1], [Answer(4, b"")])

    def test_connectionLost(self) -> None:
        """
        A request whose connection is lost before its answer takes nothing with it.
        """
        self.ask(1)
        self.machine.gone(1, self.now)
        self.machine.send(b"abc", self.now)
        self.ask(2)
        self.assertEqual(self.answered(), (0.0, [Answer(2, b"abc")]))

    def test_paused(self) -> None:
        """
        Where the application takes nothing, the client has to wait.
        """
        self.ask(1, b"abc")
        self.machine.pause(self.now)
        self.now += 60
        self.assertEqual(self.machine.timerFired(self.now), [])
        self.machine.resume(self.now)
        self.assertEqual(self.answered(), (0.0, [Answer(1, b"")]))

    def pile(self, outcomes: list[Outcome]) -> int:
        """
        :returns: how many bytes the application is delivered.
        """
        return sum(len(each.data) for each in outcomes if isinstance(each, Deliver))

    def test_pausedAndTalking(self) -> None:
        """
        Who gets answers all the same, since there is something to say, has to wait
        before he has brought too much.
        """
        self.machine.pause(self.now)
        brought, request = 0, 0
        self.machine.send(bytes(99 * limits.MEEK_BODY), self.now)
        while True:
            request += 1
            brought += self.pile(self.ask(request, bytes(limits.MEEK_BODY)))
            if brought >= limits.MEEK_SURPLUS:
                break
            self.answered()
        self.now += 60
        self.assertEqual(self.machine.timerFired(self.now), [])
        self.machine.resume(self.now)
        waited, [answer] = self.answered()
        self.assertEqual((waited, answer.request), (0.0, request))  # type: ignore[union-attr]
        self.assertEqual(self.pile(self.ask(request + 1, b"x")), 1)

    def test_pausedAndDropped(self) -> None:
        """
        Nor does it help to drop the request that waits, and to make another.
        """
        self.machine.pause(self.now)
        brought = 0
        for request in range(0, 99, 2):
            for each in (request, request + 1):
                brought += self.pile(self.ask(each, bytes(limits.MEEK_BODY)))
            brought += self.pile(self.machine.gone(request, self.now))
            brought += self.pile(self.machine.gone(request + 1, self.now))
        self.assertLess(brought, limits.MEEK_SURPLUS + limits.MEEK_BODY)
        self.assertEqual(self.ask("bad", b"x"), [Drop("bad", isBad=True)])
        self.machine.resume(self.now)
        self.assertEqual(self.ask("good", b"x"), [Deliver(b"x")])

    def test_end(self) -> None:
        """
        The application's end comes when all is fetched.  The client sees its
        connection end.
        """
        self.machine.send(b"bye", self.now)
        self.assertEqual(self.machine.sendEnd(self.now), [])
        self.ask(1, b"x")
        self.assertEqual(self.answered(), (0.0, [Answer(1, b"bye"), Finished()]))
        self.ask(2, b"late")
        self.assertEqual(self.answered(), (0.0, [Drop(2)]))

    def test_abort(self) -> None:
        self.ask(1)
        self.machine.send(b"abc", self.now)
        self.assertEqual(self.machine.abort(self.now), [Finished()])
        self.assertEqual(self.answered(), (0.0, [Drop(1)]))

    def test_expiry(self) -> None:
        """
        Who is not heard of is forgotten.
        """
        self.ask(1)
        self.answered()
        waited, outcomes = self.answered()
        self.assertEqual(round(waited + TURNAROUND), limits.MEEK_SESSION)
        self.assertEnds(outcomes, SessionLost)
        self.assertTrue(self.machine.isForgotten)
        self.assertIsNone(self.machine.nextTimer)

    def test_expiryWhilePaused(self) -> None:
        """
        Nor does an application that never reads keep anybody for ever.
        """
        self.machine.pause(self.now)
        self.ask(1)
        self.ask(2)
        _, outcomes = self.answered()
        self.assertEnds(outcomes, SessionLost)
        self.assertEqual(outcomes[1:], [Drop(1), Drop(2)])

    def test_closing(self) -> None:
        """
        A server that listens no more remembers nothing.
        """
        self.machine.lingers = False
        self.ask(1)
        self.machine.sendEnd(self.now)
        self.assertFalse(self.machine.isForgotten)
        self.assertEqual(self.answered()[1], [Drop(1)])
        self.assertTrue(self.machine.isForgotten)


class NumberedTests(_Case):
    """
    With one of our own kind.
    """

    sessionId = offer(bytes(ID_ENTROPY))

    def ask(
        self, number: int, flags: Flag = Flag.NONE, payload: bytes = b"", request: object = "it"
    ) -> list[Outcome]:
        body = Frame(number, flags, payload).encode() if number else b""
        return self.machine.requested(request, body, self.now)

    def opened(self) -> None:
        """
        The first request, and its answer.
        """
        self.assertEqual(self.ask(0), [])
        body = confirmation(self.sessionId) + Frame(0).encode()
        self.assertEqual(self.answered(), (0.0, [Answer("it", body)]))

    def answer(self) -> Frame:
        """
        :returns: the next one's.
        """
        answer = self.answered()[1][0]
        assert isinstance(answer, Answer)
        return Frame.decode(answer.body)

    def test_firstWords(self) -> None:
        """
        The first answer is no longer than others.
        """
        self.machine.send(bytes(limits.MEEK_BODY), self.now)
        self.ask(0)
        ((_, answer),) = [(waited, done[0]) for waited, done in [self.answered()]]
        assert isinstance(answer, Answer)
        self.assertEqual(len(answer.body), limits.MEEK_BODY)
        self.ask(1)
        self.assertEqual(len(self.answer().payload), limits.MEEK_BODY - room(0))

    def test_repeatedWhileWaiting(self) -> None:
        """
        A request that comes once more before its answer: it is not delivered again,
        and the newer connection gets the answer.
        """
        self.opened()
        self.assertEqual(self.ask(1, payload=b"abc", request="old"), [Deliver(b"abc")])
        self.assertEqual(self.ask(1, payload=b"abc", request="new"), [Drop("old")])
        self.machine.send(b"def", self.now)
        body = Frame(1, Flag.NONE, b"def").encode()
        self.assertEqual(self.answered(), (0.0, [Answer("new", body)]))

    def test_repeatedAfterwards(self) -> None:
        """
        It gets the same answer, whatever has been written since.
        """
        self.opened()
        self.ask(1, payload=b"abc")
        self.machine.send(b"def", self.now)
        answer = self.answered()[1]
        self.machine.send(b"ghi", self.now)
        self.assertEqual(self.ask(1, payload=b"abc"), answer)
        self.ask(2)
        self.assertEqual(self.answer(), Frame(2, Flag.NONE, b"ghi"))

    def test_repeatedAfterLoss(self) -> None:
        """
        It is answered, if its connection was lost before it was.
        """
        self.opened()
        self.ask(1, payload=b"abc", request="old")
        self.machine.gone("old", self.now)
        self.assertEqual(self.ask(1, payload=b"abc", request="new"), [])
        self.machine.send(b"def", self.now)
        body = Frame(1, Flag.NONE, b"def").encode()
        self.assertEqual(self.answered()[1], [Answer("new", body)])

    def test_firstRepeated(self) -> None:
        self.ask(0)
        self.assertEqual(self.ask(0, request="again"), [Drop("it")])
        (answer,) = self.answered()[1]
        self.assertEqual(self.ask(0, request="again"), [answer])

    def test_nonsense(self) -> None:
        """
        Numbers that cannot be, and bodies that are none, change nothing.
        """
        self.opened()
        self.ask(1)
        for body in (b"x", Frame(0, Flag.NONE, b"x").encode(), Frame(3).encode(), b"\xff" * 9):
            outcomes = self.machine.requested("odd", body, self.now)
            self.assertEqual(outcomes, [Drop("odd", isBad=True)])
        self.assertEqual(self.ask(2, request="early"), [Drop("early", isBad=True)])
        self.assertEqual(self.answer(), Frame(1))

    def test_firstWithPayload(self) -> None:
        """
        What the first request holds could be lost, so it holds nothing.
        """
        outcomes = self.machine.requested("odd", Frame(0, Flag.NONE, b"x").encode(), self.now)
        self.assertEqual(outcomes[0], Drop("odd", isBad=True))
        self.assertEnds(outcomes, FramingError)

    def test_clientHolds(self) -> None:
        """
        Who takes nothing gets nothing, and is answered all the same.
        """
        self.opened()
        self.machine.send(b"abc", self.now)
        self.ask(1, Flag.HOLD)
        self.assertEqual(self.answer(), Frame(1))
        self.ask(2)
        self.assertEqual(self.answer(), Frame(2, Flag.NONE, b"abc"))

    def test_paused(self) -> None:
        """
        Where the application takes nothing the client is told, after a while, and may
        send nothing then.
        """
        self.opened()
        self.ask(1, payload=b"abc")
        self.machine.pause(self.now)
        began = self.now
        self.assertEqual(self.answer(), Frame(1, Flag.HOLD))
        self.assertEqual(self.now - began, limits.MEEK_HELD)
        self.ask(2)
        self.machine.resume(self.now)
        self.assertEqual(self.answer(), Frame(2))
        self.machine.pause(self.now)
        self.ask(3)
        self.assertEqual(self.answer(), Frame(3, Flag.HOLD))
        outcomes = self.ask(4, payload=b"x", request="rude")
        self.assertEqual(outcomes[0], Drop("rude", isBad=True))
        self.assertEnds(outcomes, FramingError)

    def test_pausedButTalking(self) -> None:
        """
        It may still write.
        """
        self.opened()
        self.machine.pause(self.now)
        self.ask(1)
        self.machine.send(b"abc", self.now)
        self.assertEqual(self.answer(), Frame(1, Flag.HOLD, b"abc"))

    def test_serverEnds(self) -> None:
        """
        With the last of it; and whoever did not hear it hears it again.
        """
        self.opened()
        self.machine.send(bytes(room(1) + 1), self.now)
        self.machine.sendEnd(self.now)
        self.ask(1)
        self.assertEqual(self.answer().flags, Flag.NONE)
        self.ask(2)
        _, outcomes = self.answered()
        answer = Answer("it", Frame(2, Flag.END, b"\0").encode())
        self.assertEqual(outcomes, [answer, Finished()])
        self.assertEqual(self.ask(2), [answer])
        self.assertFalse(self.machine.isForgotten)
        self.assertEqual(self.answered()[0], limits.MEEK_LINGER)
        self.assertTrue(self.machine.isForgotten)

    def test_serverEndsInSilence(self) -> None:
        """
        An application that has nothing more to say is let go at once, however long
        ago its client was heard of.
        """
        self.opened()
        self.now += 100
        self.assertEqual(self.machine.sendEnd(self.now), [Finished()])
        self.now += limits.MEEK_LINGER - 1
        self.assertEqual(self.ask(1, payload=b"late"), [])
        self.assertEqual(self.answer(), Frame(1, Flag.END))

    def test_clientEnds(self) -> None:
        """
        The application is told behind the last of it, and has no last word.
        """
        self.opened()
        self.machine.send(b"never read", self.now)
        self.assertEqual(self.ask(1, Flag.END, b"bye"), [Deliver(b"bye"), Finished()])
        self.assertEqual(self.answer(), Frame(1, Flag.END))

    def test_clientGone(self) -> None:
        """
        Who drops everything is forgotten, whatever the number.
        """
        for number in (1, 2, 77):
            self.setUp()
            self.opened()
            self.ask(1, request="waiting")
            outcomes = self.ask(number, Flag.GONE)
            self.assertEqual(outcomes[0], Answer("it", Frame(number, Flag.GONE).encode()))
            self.assertEqual(outcomes[-1], Drop("waiting"))
            self.assertEnds(outcomes, SessionLost)
            self.assertTrue(self.machine.isForgotten)

    @given(st.lists(st.one_of(st.binary(max_size=20), st.sampled_from(_BODIES)), max_size=20))
    def test_garbage(self, bodies: list[bytes]) -> None:
        """
        Each request has one outcome, in the end, whatever it is.
        """
        self.setUp()
        waiting = set()
        for request, body in enumerate(bodies):
            waiting.add(request)
            outcomes = self.machine.requested(request, body, self.now)
            if self.machine.nextTimer is not None and body[-1:] != b"x":
                outcomes += self.answered()[1]
            for outcome in outcomes:
                if isinstance(outcome, Answer | Drop):
                    waiting.remove(outcome.request)
            if self.machine.isForgotten:
                break
        self.assertLessEqual(len(waiting), 1)

    def test_abort(self) -> None:
        """
        The client hears of it with the next answer.
        """
        self.opened()
        self.machine.send(b"abc", self.now)
        self.assertEqual(self.machine.abort(self.now), [Finished()])
        self.ask(1)
        self.assertEqual(self.answer(), Frame(1, Flag.GONE))
