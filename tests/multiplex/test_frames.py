"""
smux's frames on the wire.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pyptwist.errors import FramingError
from pyptwist.multiplex.frames import Command, FrameReader, encodeFrame, encodeUpdate

#: Written by hand from the layout.
VECTORS = [
    (1, Command.SYN, 3, b"", "01 00 0000 03000000"),
    (2, Command.SYN, 3, b"", "02 00 0000 03000000"),
    (2, Command.FIN, 0x01020304, b"", "02 01 0000 04030201"),
    (1, Command.PSH, 5, b"hello", "01 02 0500 05000000 68656c6c6f"),
    (2, Command.PSH, 0xFFFFFFFF, b"\0" * 258, "02 02 0201 ffffffff" + "00" * 258),
    (2, Command.NOP, 0, b"", "02 03 0000 00000000"),
]


class FrameTests(SynchronousTestCase):
    """
    Frames to bytes, and back.
    """

    def test_vectors(self) -> None:
        """
        Both ways.
        """
        for version, command, stream, data, text in VECTORS:
            wire = bytes.fromhex(text)
            self.assertEqual(encodeFrame(version, command, stream, data), wire)
            self.assertEqual(
                list(FrameReader(version).receive(wire)), [(command, stream, data)], text
            )

    def test_update(self) -> None:
        """
        An UPD has two numbers.
        """
        wire = bytes.fromhex("02 04 0800 03000000 08000000 00001000")
        self.assertEqual(encodeUpdate(2, 3, 8, 1 << 20), wire)
        self.assertEqual(list(FrameReader(2).receive(wire)), [(Command.UPD, 3, wire[8:])])

    def test_pieces(self) -> None:
        """
        Frames may be cut anywhere; payload is handed on as it comes.
        """
        wire = b"".join(bytes.fromhex(text) for version, *_, text in VECTORS if version == 2)
        wire += encodeUpdate(2, 7, 1, 2)
        whole = list(FrameReader(2).receive(wire))
        for size in (1, 2, 3, 7, 8, 9, 100):
            reader = FrameReader(2)
            seen: list[tuple[Command, int, bytes]] = []
            for at in range(0, len(wire), size):
                for command, stream, data in reader.receive(wire[at : at + size]):
                    isMore = command is Command.PSH and seen and seen[-1][:2] == (command, stream)
                    before = seen.pop()[2] if isMore else b""
                    seen.append((command, stream, before + data))
            self.assertEqual(seen, whole, size)

    def test_emptyPush(self) -> None:
        """
        A PSH without payload means nothing.
        """
        reader = FrameReader(1)
        wire = encodeFrame(1, Command.PSH, 3) + encodeFrame(1, Command.FIN, 3)
        self.assertEqual(list(reader.receive(wire)), [(Command.FIN, 3, b"")])

    def test_wrong(self) -> None:
        """
        Versions, commands and lengths that no peer sends.
        """
        for version, text in (
            (2, "01 03 0000 00000000"),
            (1, "02 03 0000 00000000"),
            (2, "00 03 0000 00000000"),
            (2, "02 05 0000 00000000"),
            (2, "02 ff 0000 00000000"),
            (1, "01 04 0800 03000000 0000000000000000"),
            (2, "02 04 0700 03000000 00000000000000"),
            (2, "02 00 0100 03000000 00"),
            (2, "02 03 0100 00000000 00"),
        ):
            with self.assertRaises(FramingError, msg=text):
                list(FrameReader(version).receive(bytes.fromhex(text)))

    def test_rightBeforeWrong(self) -> None:
        """
        What was right is handed on first.
        """
        frames = FrameReader(2).receive(encodeFrame(2, Command.PSH, 3, b"yes") + b"GET / HTTP")
        self.assertEqual(next(frames), (Command.PSH, 3, b"yes"))
        with self.assertRaises(FramingError):
            next(frames)
