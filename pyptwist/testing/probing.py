"""
Conformance of endpoints: what somebody sees who is no client.
"""

from __future__ import annotations

from dataclasses import dataclass

from twisted.internet.error import ConnectionDone

from pyptwist.testing.endpointcase import SETTLE, EndpointCase

_LATE = 7.0  # seconds: before any server gives up

_PROBES = {
    "nothing": b"",
    "one byte": b"\0",
    "a TLS greeting": bytes.fromhex("16030100c8010000c40303") + bytes(200),
    "an HTTP request": b"GET / HTTP/1.0\r\n\r\n" * 10,
    "20,000 bytes": bytes(range(250)) * 80,
}


@dataclass
class _Seen:
    """
    :ivar answer: what came back.
    :ivar after: seconds from the connection to its end; None for no end.
    :ivar wasLetIn: whether an application was built.
    """

    answer: bytes
    after: float | None
    wasOrderly: bool
    wasLetIn: bool


class ProbingTests(EndpointCase):
    """
    Somebody connects, sends what he likes, and hangs on.
    """

    def _probe(self, data: bytes, delay: float = 0.0) -> _Seen:
        """
        :param delay: seconds for which nothing is said.
        """
        self.forget()
        began = self.network.clock.seconds()
        stranger = self.stranger()
        assert stranger.transport is not None
        greeting = len(stranger.received)
        self.network.pump(delay)
        stranger.transport.write(data)
        while not stranger.lost and self.network.clock.seconds() < began + SETTLE:
            self.network.pump(1)
        seen = _Seen(
            bytes(stranger.received[greeting:]),
            self.network.clock.seconds() - began if stranger.lost else None,
            bool(stranger.lost and stranger.lost[0].check(ConnectionDone)),
            bool(self.servers.built),
        )
        stranger.transport.loseConnection()
        self.assertAtRest()
        return seen

    def _nearMisses(self) -> dict[str, bytes]:
        """
        :returns: what a client says first, spoilt: only who understands it could
            tell it from garbage.
        """
        self.forget()
        attempt, _ = self.connecting(self.listenSilently())
        attempt.addBoth(lambda result: None)
        self.network.pump()
        said = bytes(self.network.connections[-1][0].sent)
        spoilt = {"a client's first words without the last byte": said[:-1]}
        for name, place in (("first", 0), ("middle", len(said) // 2), ("last", len(said) - 1)):
            changed = bytes(byte ^ 1 for byte in said[place : place + 1])
            spoilt[f"a client's first words with another {name} byte"] = (
                said[:place] + changed + said[place + 1 :]
            )
        return spoilt

    def test_prober(self) -> None:
        """
        He reaches no application (unless every byte is payload), gets no answer
        (unless that is the method's cover), and is not kept for ever.
        """
        for name, data in _PROBES.items():
            seen = self._probe(data)
            if not seen.wasLetIn:
                if not self.answersStrangers:
                    self.assertEqual(seen.answer, b"", f"{name} was answered")
                self.assertIsNotNone(
                    seen.after, f"whoever sends {name} is kept for ever: the codec needs a timer"
                )

    def test_probersEndAlike(self) -> None:
        """
        What he sent does not show in when it ends, nor in how: unless the method
        hides nothing (``plain``).
        """
        if self.plain:
            return
        seen = {name: self._probe(data) for name, data in _PROBES.items()}
        for name, data in _PROBES.items():
            seen[f"{name}, late"] = self._probe(data, _LATE)
        for name, data in self._nearMisses().items():
            seen[name] = self._probe(data)
        # Who was answered passed for a client.
        strangers = {n: one for n, one in seen.items() if not (one.wasLetIn or one.answer)}
        rude = [name for name, one in strangers.items() if not one.wasOrderly]
        self.assertEqual(rude, [], "a reset tells who sent this that he was understood")
        ends = {name: one.after for name, one in strangers.items()}
        self.assertLessEqual(
            len({*ends.values()}),
            1,
            f"the time of the end tells what was understood, in seconds: {ends}; drain until"
            " a deadline that was set at the beginning, as SilentServerCodec of"
            " pyptwist.strangers.silence does",
        )
