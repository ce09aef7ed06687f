"""
Every timeout and every cap, in one place.

Each has its unit in its comment, and why it is what it is.
"""

from __future__ import annotations

from typing import Final

# --- Flow control -----------------------------------------------------------

#: Bytes a codec may hold back before the producer above it is paused.
#: One read of Twisted's TCP transport is 64 KiB, so one read always fits.
BACKLOG_PAUSE: Final = 64 * 1024

#: Bytes under which a paused producer is let go again: well below the pause
#: mark, so that pausing does not flutter.
BACKLOG_RESUME: Final = 16 * 1024

#: Bytes of one read of a TCP connection that carries payload, and above which
#: what waits to be written pauses its producer.  Go's relays read as many, and
#: write them before they read on: so each such piece ends in a segment of its
#: own.  It also is obfs4's burst, whose padding would not show otherwise.
TCP_READ: Final = 32 * 1024

# --- Handshakes -------------------------------------------------------------

#: Bytes of one read of a TCP connection before Ready.  Whoever sends a client
#: more garbage than that sees a reset and no FIN, as from obfs4proxy, which reads
#: as many.
HANDSHAKE_READ: Final = 8 * 1024

#: Seconds a client gives a transport's handshake.  obfs4proxy waits 60.
CLIENT_HANDSHAKE: Final = 60.0

#: Seconds a server gives a connection that is not ready, when its codec sets no
#: deadline of its own.  Long, since it ends silent drains as well.
SERVER_HANDSHAKE: Final = 120.0

#: Seconds to reach the TCP peer.  Longer than the kernel tries (134 at Linux's
#: default), whose SYNs a censor that drops them can count: obfs4proxy sends all.
CONNECT: Final = 180.0

#: Seconds that a connection may take to flush after an orderly end, before it is
#: aborted.  What is left in our own buffers by then is a few reads' worth, which
#: passes in this time through the slowest of links.
CLOSE_FLUSH: Final = 300.0

#: Seconds that a connection may take to flush after its peer erred, before it
#: is aborted.
CLOSE_LINGER: Final = 30.0

#: Seconds of silence after which the kernel asks whether a peer is there still,
#: and between its questions: Go's default, so that of other implementations.
KEEPALIVE: Final = 15

#: Hosts whose spelling is remembered once it was parsed: tor dials the same
#: bridges again and again.
KNOWN_HOSTS: Final = 256

#: Seconds for an upstream proxy to answer, its own dialling of the target
#: included: tor's proxies wait as long.
UPSTREAM_PROXY: Final = 60.0

#: Seconds for the ext-ORPort's handshake.  It is on this machine.
EXTENDED_ORPORT: Final = 15.0

#: Seconds that a server which must not be recognised waits for a handshake, and
#: the least for which it keeps a connection that failed: obfs4proxy's.
SILENT_HANDSHAKE: Final = 30.0

#: Whole seconds by which the end of a failed connection is put off further at
#: the most.  A server draws one time for all of its connections.
SILENT_SPREAD: Final = 60

#: Connections that the kernel may hold before we accept them; bridges see bursts
#: when tor restarts.  Above what any system allows, which cuts it to that: as Go
#: has it, so that a flood finds no difference.
LISTEN_BACKLOG: Final = 65535

#: Bytes of handshake that a codec buffers unless it sets its own bound.  The
#: largest handshake known here is obfs4's, 8192.
HANDSHAKE_BUFFER: Final = 16 * 1024

# --- Proxies and the ext-ORPort ---------------------------------------------

#: Bytes of an HTTP proxy's answer to CONNECT, interim responses included.  16 KiB
#: is h11's own bound, and above what servers allow in requests (8 KiB).
HTTP_CONNECT_HEAD: Final = 16 * 1024

#: Seconds that an application may take to say where it wants to go.
#: obfs4proxy gives the whole exchange 5.
SOCKS_NEGOTIATION: Final = 10.0

#: Bytes that an application may send behind its SOCKS request, before the answer:
#: one read of Twisted's TCP transport, after which we stop reading.
SOCKS_EARLY: Final = 64 * 1024

#: Bytes of a USERADDR or TRANSPORT body.  An address takes 47; transport names
#: have no bound of their own, and none is longer than a line.
EXTENDED_ORPORT_BODY: Final = 1024

#: Bytes of commands that an ext-ORPort peer may send without our knowing them,
#: headers included: room for two of the longest.
EXTENDED_ORPORT_UNKNOWN: Final = 128 * 1024 + 8

# --- IPC --------------------------------------------------------------------

#: Bytes of a message within a line to the parent, quotes included.  tor cuts log
#: lines at about 10 kB; an operator reads far less.
IPC_MESSAGE: Final = 2048

#: Seconds between looks at who our parent is, where the kernel does not tell.
PARENT_POLL: Final = 1.0

#: Whole seconds from the first sign of the end until the kernel ends a process
#: that is stuck.  tor exits at once and never kills what it leaves.
LAST_RESORT: Final = 3

#: Seconds that open connections may take to flush when the process ends.
SHUTDOWN: Final = 0.5

#: Seconds for one method to start listening; it is done in none, unless a
#: plugin asks a network for something first.
LISTEN: Final = 10.0

#: Seconds for a child that we start to report its methods: a slow machine's
#: start-up, and more.
CHILD_START: Final = 20.0

#: Seconds for a child to end when it is told to, before it is killed.
CHILD_END: Final = 5.0

#: Log messages that may go to the parent in one burst, and seconds after which
#: one more may: tor writes each to a log that an operator reads.
LOG_BURST: Final = 20
LOG_INTERVAL: Final = 10.0

#: Bytes of a log file before it starts anew, one old file being kept.
LOG_FILE: Final = 4 * 1024 * 1024

# --- State ------------------------------------------------------------------

#: Bytes in one state file.  Ours hold a few keys, so whatever is larger is not
#: ours, and is not read into memory.
STATE_FILE: Final = 64 * 1024

# --- Cryptography -----------------------------------------------------------

#: Distribution tables kept for seeds met lately, 1 to 2 KiB each.  A bridge
#: needs two; a client of tor's knows a handful of bridges.
SEEDED_TABLES: Final = 32

#: Seconds for which a server remembers a handshake: obfs4's and scramblesuit's
#: date is accepted in three different hours.
REPLAY_LIFETIME: Final = 3 * 3600.0

#: Handshakes that a server remembers, some 150 bytes each; obfs4proxy keeps as
#: many.  A busy bridge sees a tenth of them in three hours.
REPLAY_CAPACITY: Final = 100 * 1024

# --- obfs4 ------------------------------------------------------------------

#: Seconds an obfs4 server waits for a complete handshake, and the least for
#: which it keeps a connection that failed.  To be other than obfs4proxy's would
#: tell the two apart.
OBFS4_SERVER_HANDSHAKE: Final = 30.0

#: Seconds by which the end of a failed connection is put off further: less than
#: this, and the same each time for one server.  obfs4proxy's.
OBFS4_CLOSE_DELAY: Final = 60

#: Bytes of payload in one burst at the most: what obfs4proxy reads at once.
OBFS4_BURST: Final = 32 * 1024
