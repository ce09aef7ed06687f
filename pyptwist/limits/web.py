"""
Of the methods that are web servers: meek and webtunnel.
"""

from __future__ import annotations

from typing import Final

# --- meek -------------------------------------------------------------------

#: Bytes of payload in one request or answer: the reference's, whose client loses
#: what a longer answer holds.
MEEK_BODY: Final = 64 * 1024

#: Bytes of a session that are delivered to an application that is paused, while there
#: are answers for its client: one body more than these at the most.
MEEK_SURPLUS: Final = 4 * MEEK_BODY

#: Bytes of one answer as they come, head and chunks' lengths included, before the
#: connection is given up: four times what is needed.
MEEK_ANSWER: Final = 4 * MEEK_BODY

#: Seconds from an answer that brought nothing, to a request that brought nothing, to
#: the next request; by what the time grows with each; and its bound: the reference's.
MEEK_POLL: Final = 0.1
MEEK_POLL_GROWTH: Final = 1.5
MEEK_POLL_MAXIMUM: Final = 5.0

#: Seconds for an answer to come, whole: a CDN gives its own servers as many.
MEEK_ANSWER_TIME: Final = 60.0

#: Seconds before a request is repeated: the first time, and at the most.  A new
#: connection costs a round trip or three.
MEEK_RETRY: Final = 0.1
MEEK_RETRY_MAXIMUM: Final = 8.0

#: Seconds without an answer after which a client stops repeating its request; and
#: seconds without a request, such as in a pause, after which it makes no other one if
#: that could begin another session by now: less than the time for which the server
#: keeps the session.
MEEK_PATIENCE: Final = 100.0

#: Seconds for a request that tells a server that a session is over.
MEEK_FAREWELL: Final = 10.0

#: Seconds for which a server waits for something to answer, and the most that an
#: operator may choose, in milliseconds: what is more would not be over before
#: others lose patience.
MEEK_TURNAROUND: Final = 10
MEEK_TURNAROUND_MAXIMUM: Final = 20_000

#: Seconds for which an answer waits that has nothing to say but that nothing is
#: taken: it is told at once when that is over.
MEEK_HELD: Final = 5.0

#: Seconds without a request after which a server ends a session: the reference's.
MEEK_SESSION: Final = 120.0

#: Seconds for which a server remembers a session that is over, so that its client
#: hears of the end even if an answer is lost.
MEEK_LINGER: Final = 30.0

#: Seconds for one request to come, head and body: the reference's, as is the time
#: for an answer to be taken.
MEEK_REQUEST_TIME: Final = 20.0

#: Seconds between requests after which a server closes a connection: nginx's for
#: its clients (75).  A client asks each five seconds, unless it is paused.
MEEK_IDLE: Final = 75.0

#: Requests of a session that may wait for the one before: a client sends none.
MEEK_QUEUED: Final = 2

#: Characters of a session id at the most, and the least that a server accepts unless
#: told otherwise: the reference's client sends 11, its server wants 8.
MEEK_ID_MAXIMUM: Final = 128
MEEK_ID_MINIMUM: Final = 8

#: Sessions of a server at a time, each with a connection to its destination, and
#: those of one address; unless told otherwise.  Many people share an address.
MEEK_SESSIONS: Final = 4096
MEEK_SESSIONS_EACH: Final = 256

#: The most that an operator may choose: all ports of a destination.
MEEK_SESSIONS_MAXIMUM: Final = 65536

# --- webtunnel --------------------------------------------------------------

#: Bytes of a server's answer.  16 KiB is h11's own bound, and above what servers
#: allow in requests (8 KiB).
WEBTUNNEL_HEAD: Final = 16 * 1024

#: Seconds for which a server's first payload waits for the client's: longer than a
#: lost segment takes to be sent again, so that it does not come together with the
#: 101, and short for a person.
WEBTUNNEL_HUSH: Final = 1.0

#: Seconds for a visitor's request to come, head and body: nginx's for the head.
WEB_REQUEST: Final = 60.0

#: Seconds between requests after which a visitor's connection is closed, and for which
#: an answer may not be taken on: twisted.web's own, and nginx's.
WEB_IDLE: Final = 60.0
