"""
Of connections: how much waits, how deep they are stacked, how long a handshake takes.
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

# --- Stacks -----------------------------------------------------------------

#: Layers of one stack.  Each adds a handful of frames to Python's stack for every
#: piece of data, and a handshake to every connection; two or three have a use.
STACK_LAYERS: Final = 8

#: Characters of a stack's name, which also is a directory's.
STACK_NAME: Final = 100

#: Bytes of payload in one burst of an obfs method at the most: what obfs4proxy
#: reads at once.
BURST: Final = 32 * 1024

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

#: Seconds that a client gives a TLS handshake: two round trips and as many signatures.
#: Go's HTTP client waits 10, in which lost segments are not often sent again.
TLS_HANDSHAKE: Final = 30.0

#: TLS configurations that are kept for the next connection, each with a megabyte of
#: authorities if they are this machine's: a client of tor's knows a handful of bridges.
TLS_CONTEXTS: Final = 8

#: Bytes of a file of certificates: with all of the world's authorities it has 220 KiB.
CERTIFICATES: Final = 1024 * 1024

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

#: Seconds for one of several destinations to answer, the ext-ORPort's handshake
#: included, before the next one is tried.  They are on this machine or close to it,
#: and a client of tor's waits a minute at least.
DESTINATION: Final = 10.0

#: Destinations that one client is offered to, before it is let go.
DESTINATION_TRIES: Final = 4

#: Seconds for which a destination that failed gets a client only if all others
#: fail, too: less than a tor takes to start, so that it is found soon.
DESTINATION_SHUNNED: Final = 10.0

#: Seconds that a server which must not be recognised waits for a handshake, and
#: the least for which it keeps a connection that failed: obfs4proxy's, from which
#: another value would tell us apart.
SILENT_HANDSHAKE: Final = 30.0

#: Seconds by which the end of a failed connection is put off further at the most:
#: obfs4proxy's.  A server draws one time for all of its connections.
SILENT_SPREAD: Final = 60

#: Seconds for which a peer may be a stranger before a decoy gets it.  A client
#: sends its handshake at once, in one flight: if part of it is lost, the kernel
#: sends that again after one second and after three.  And it is less than the
#: five that scanners such as nmap wait for an answer.
DECOY_AFTER: Final = 4

#: The most seconds that an operator may choose: the codec has given up by then.
DECOY_AFTER_MAXIMUM: Final = 30

#: Bytes that a peer may say before it is let in or handed over: more than any
#: handshake has, in any encoding.
DECOY_RECORD: Final = 64 * 1024

#: Seconds to reach the decoy.  It is on this machine, or close to it.
DECOY_CONNECT: Final = 3.0

#: Connections that a decoy may have of one listener at a time, each of which
#: costs two descriptors.  Small servers have as many for all (nginx: 512).
DECOYED: Final = 512

#: Seconds for a load balancer's PROXY header, which it sends before anything else:
#: its specification wants three at least, so that a lost segment can be sent again.
PROXY_PATIENCE: Final = 5.0

#: Bytes of a PROXY header.  Addresses take 232 with all that comes before them;
#: what balancers add of TLS connections is some hundred more.
PROXY_HEADER: Final = 4 * 1024

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

#: Bytes of JSON parameters that an application may send.  The specs let everybody
#: choose; the largest known, an Optimizer's with several methods, are some KiB.
SOCKS_PARAMETERS: Final = 64 * 1024

#: Bytes that an application may send behind its SOCKS request, before the answer:
#: one read of Twisted's TCP transport, after which we stop reading.
SOCKS_EARLY: Final = 64 * 1024

#: Bytes of a USERADDR or TRANSPORT body.  An address takes 47; transport names
#: have no bound of their own, and none is longer than a line.
EXTENDED_ORPORT_BODY: Final = 1024

#: Bytes of commands that an ext-ORPort peer may send without our knowing them,
#: headers included: room for two of the longest.
EXTENDED_ORPORT_UNKNOWN: Final = 128 * 1024 + 8

# --- Memory -----------------------------------------------------------------

#: Seconds between two looks at how much memory is in use: nobody misses what a crowd
#: left for a minute, and a look costs nothing.
MEMORY_LOOK: Final = 60.0
