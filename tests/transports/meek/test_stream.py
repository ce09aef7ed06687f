"""
Both machines, with a line between them that loses requests and answers.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pyptwist.codec import Deliver, Effect, Finished, Transmit
from pyptwist.testing.streams import payload
from pyptwist.transports.meek.answering import Answer, Drop, Outcome, ServerMachine
from pyptwist.transports.meek.numbering import ID_ENTROPY, offer
from pyptwist.transports.meek.polling import ClientMachine

NUMBERED = offer(bytes(ID_ENTROPY))
PLAIN = "0" * 32


class Losing:
    """
    Loses a share of what it is asked for, but after some a request and its answer get
    through: a client loses patience in time.
    """

    def __init__(self, share: float, random: Random) -> None:
        self._share = share
        self._random = random
        self._lost = 0

    def __call__(self) -> bool:
        if self._lost >= 6:
            self._lost = (self._lost + 1) % 8
            return False
        loses = self._random.random() < self._share
        self._lost += loses
        return loses


class Line:
    """
    A client and a server; time passes as they want it to.

    :ivar received: what came to the client's application, and to the server's.
    """

    def __init__(self, sessionId: str, loses: Callable[[], bool]) -> None:
        """
        :param loses: asked of each request and of each answer.
        """
        self.now = 0.0
        self.client = ClientMachine(sessionId)
        self.server = ServerMachine(sessionId, 0.01, 0.0)
        self.received = bytearray(), bytearray()
        self.ended: list[Finished] = []
        self._loses = loses
        self._requests = 0
        self._fromClient(self.client.start(0.0))

    def run(self, isOver: Callable[[], bool]) -> None:
        """
        Let time pass until something is so.
        """
        for _ in range(20_000):
            if isOver():
                return
            times = [m.nextTimer for m in (self.client, self.server) if m.nextTimer is not None]
            self.now = max(self.now, min(times))
            self._fromClient(self.client.timerFired(self.now))
            self._fromServer(self.server.timerFired(self.now))
        raise AssertionError(f"it never comes to an end: {[*map(len, self.received)]}")

    def _fromClient(self, effects: list[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, Transmit):
                self._request(bytes(effect.data))
            elif isinstance(effect, Deliver):
                self.received[0].extend(effect.data)
            elif isinstance(effect, Finished):
                self.ended.append(effect)

    def _request(self, body: bytes) -> None:
        # The first request cannot be repeated.
        self._requests += 1
        if self._requests > 1 and self._loses():
            self._fromClient(self.client.failed(self.now))
        else:
            self._fromServer(self.server.requested(self._requests, body, self.now))

    def _fromServer(self, outcomes: list[Outcome]) -> None:
        for outcome in outcomes:
            if isinstance(outcome, Deliver):
                self.received[1].extend(outcome.data)
            elif isinstance(outcome, Finished):
                self.ended.append(outcome)
            elif outcome.request == self._requests:
                self._answer(outcome)

    def _answer(self, outcome: Answer | Drop) -> None:
        if isinstance(outcome, Drop) or (self._requests > 1 and self._loses()):
            self._fromClient(self.client.failed(self.now))
        else:
            self._fromClient(self.client.answered(outcome.body, self.now))


def exchange(test: SynchronousTestCase, line: Line, up: int, down: int, random: Random) -> None:
    """
    So many bytes from the client and from the server, in pieces of any length, at any
    time.
    """
    sent = payload(up, 1), payload(down, 2)
    left = [bytearray(data) for data in sent]
    while any(left):
        machines: tuple[Any, Any] = line.client, line.server
        for pieces, machine in zip(left, machines, strict=True):
            piece = bytes(pieces[: random.randrange(1, 90_000)])
            del pieces[: len(piece)]
            if piece:
                machine.send(piece, line.now)
        turns = iter(range(random.randrange(5)))
        line.run(lambda turns=turns: next(turns, None) is None)  # type: ignore[misc]
    line.run(lambda: len(line.received[1]) >= up and len(line.received[0]) >= down)
    test.assertTrue(bytes(line.received[1]) == sent[0], "what the client sent")
    test.assertTrue(bytes(line.received[0]) == sent[1], "what the server sent")


class StreamTests(SynchronousTestCase):
    """
    Every byte comes, once, in its order.
    """

    @settings(deadline=None, max_examples=60)
    @given(st.integers(0, 300_000), st.integers(0, 300_000), st.floats(0, 0.9), st.integers())
    def test_losses(self, up: int, down: int, share: float, seed: int) -> None:
        """
        However many requests are lost, and answers.
        """
        random = Random(seed)
        line = Line(NUMBERED, Losing(share, random))
        exchange(self, line, up, down, random)
        line.client.sendEnd(line.now)
        line.run(lambda: len(line.ended) == 2)
        self.assertEqual([end.error for end in line.ended], [None, None])

    @settings(deadline=None, max_examples=20)
    @given(st.integers(0, 300_000), st.integers(0, 300_000), st.integers())
    def test_withoutNumbers(self, up: int, down: int, seed: int) -> None:
        """
        As long as none is.
        """
        exchange(self, Line(PLAIN, lambda: False), up, down, Random(seed))

    def test_lossWithoutNumbers(self) -> None:
        """
        The first that is lost is the end: nothing is doubled, nor left out.
        """
        for kept in range(6):
            answers = iter([False] * kept)
            line = Line(PLAIN, lambda answers=answers: next(answers, True))  # type: ignore[misc]
            sent = payload(400_000)
            line.client.send(sent, line.now)
            line.run(lambda line=line: bool(line.ended))  # type: ignore[misc]
            self.assertIsNotNone(line.ended[0].error)
            self.assertTrue(sent.startswith(bytes(line.received[1])))

    @settings(deadline=None, max_examples=30)
    @given(st.floats(0, 0.9), st.integers())
    def test_serverEnds(self, share: float, seed: int) -> None:
        """
        The server's last words, whatever is lost.
        """
        random = Random(seed)
        line = Line(NUMBERED, Losing(share, random))
        sent = payload(200_000)
        line.server.send(sent, line.now)
        line.server.sendEnd(line.now)
        line.run(lambda: len(line.ended) == 2)
        self.assertEqual([end.error for end in line.ended], [None, None])
        self.assertTrue(bytes(line.received[0]) == sent)
