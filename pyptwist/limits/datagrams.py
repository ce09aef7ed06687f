"""
Of the modes that carry datagrams.
"""

from __future__ import annotations

from typing import Final

#: Bytes of the longest datagram: 65527 over IPv6, whatever else a length says.
DATAGRAM: Final = 65535

#: Bytes that we ask the kernel to hold of what arrives at one UDP socket, and of
#: what leaves it, while we are busy: half a second of 2000 datagrams of 1200 bytes
#: a second, if the kernel grants it (``net.core.rmem_max``; Debian's is a fifth).
DATAGRAM_BUFFER: Final = 1024 * 1024

#: Datagrams read from one UDP socket in one turn of the reactor, so that nobody
#: who floods one socket holds up the others.
DATAGRAMS_READ: Final = 256

#: Bytes that one datagram counts for beside its own while it waits: about what
#: Python needs for it.
DATAGRAM_OVERHEAD: Final = 64

#: Bytes that one flow may hold while its connection is being made: an
#: application's first flight and its repetitions, not a stream.
FLOW_QUEUE: Final = 64 * 1024

#: Bytes that one flow may hold while its connection is slow: what a link of
#: 10 Mbit/s carries in 200 ms.  More would make packets late that are
#: worth nothing late, and hide a slow link from the application, which only loss
#: tells to slow down.
FLOW_BACKLOG: Final = 256 * 1024

#: Bytes that all flows of one listener may hold together.
FLOWS_BACKLOG: Final = 64 * 1024 * 1024

#: Flows of one listener at a time.  Each has a connection, hence a descriptor:
#: the process's own limit is usually lower.
FLOWS: Final = 16384

#: Seconds for which a flow must have been silent, before it has to go for a new
#: one when there are too many: who speaks each minute (an OpenVPN with its usual
#: keepalive speaks each ten seconds) is not cut off by a burst of new ones.
FLOW_SPARED: Final = 60.0

#: Seconds without a datagram in either direction after which a client ends a
#: flow.  RFC 4787 wants two minutes at least of a NAT, and advises five.
FLOW_IDLE: Final = 300.0

#: The same for a server: longer, so that it is the client who ends flows, and
#: clients that vanished leave nothing behind for long.
SERVER_FLOW_IDLE: Final = 600.0

#: The most that an operator may choose, in seconds: a day, after which no program
#: expects an answer; and in flows: all ports that one address has.
FLOW_IDLE_MAXIMUM: Final = 86400
FLOWS_MAXIMUM: Final = 65536

#: Seconds in which no new flow is begun after one could not be: applications that
#: send datagrams all the time would dial as often.
FLOW_REDIAL: Final = 1.0
