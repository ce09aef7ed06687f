"""
The beginning of what crosses the wire, and how it is shown.
"""

from __future__ import annotations

from pyptwist.loopback.wiretap import Look

_KEPT = 64  # bytes each way; four lines say enough
_ROW = 16


class Beginnings:
    """
    Keeps the first bytes of the last connection, each way, for a ``Wiretap``.

    :ivar client: from the client.
    :ivar server: from the server.
    """

    def __init__(self) -> None:
        self.client = bytearray()
        self.server = bytearray()

    def watch(self) -> tuple[Look, Look]:
        """
        A connection begins.
        """
        self.client, self.server = client, server = bytearray(), bytearray()
        return (lambda data: _keep(client, data)), (lambda data: _keep(server, data))


def excerpt(data: bytes | bytearray) -> str:
    """
    :param data: any bytes; the first 64 are shown.
    :returns: rows of hex and text, indented by four.
    """
    rows = [data[start : start + _ROW] for start in range(0, min(len(data), _KEPT), _ROW)]
    return "\n".join(f"    {row.hex(' '):{3 * _ROW}} {_printable(row)}" for row in rows)


def _keep(kept: bytearray, data: bytes) -> None:
    kept += data[: _KEPT - len(kept)]


def _printable(row: bytes | bytearray) -> str:
    return "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in row)
