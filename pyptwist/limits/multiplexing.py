"""
Of the methods kcp and smux.
"""

from __future__ import annotations

from typing import Final

from pyptwist.limits.connections import BURST

# --- KCP --------------------------------------------------------------------

#: Segments that may be under way: 27 Mbit/s over 100 ms.  kcptun's clients allow half as
#: many, its servers four times; but more than the receiver's kernel holds (some 180)
#: are lost whenever he is busy.
KCP_SEND_WINDOW: Final = 256

#: Segments that may wait at the receiver: kcptun's servers' default, 1.3 MB.
KCP_RECEIVE_WINDOW: Final = 1024

#: Segments that one may be told to allow: what the window's field can say.
KCP_WINDOW_MAXIMUM: Final = 65535

#: Bytes of the largest datagram that we send: kcptun's default, below what any path
#: carries in one piece; and of the least and the largest that may be chosen.
KCP_DATAGRAM: Final = 1350
KCP_DATAGRAM_MINIMUM: Final = 128
KCP_DATAGRAM_MAXIMUM: Final = 1500

#: Segments that may be sent in one moment, as many as fit into half of the kernel's
#: default buffers; and of those that may be sent in each step of so many seconds, which
#: is 43 MB/s: a busy machine makes up for steps that it missed.
KCP_BURST: Final = 96
KCP_PACE: Final = 32
KCP_PACE_STEP: Final = 0.001

#: Acknowledgements that wait no longer for company: so the sender hears of every
#: burst, and half an idle packet is filled.
KCP_ACKNOWLEDGEMENTS: Final = 16

#: Milliseconds before something is sent again: at first, and at the least, either
#: way of KCP's; and at the most, where KCP has a minute: a path that works again
#: after a break must not lie idle for as long as the break was.
KCP_FIRST_TIMEOUT: Final = 200
KCP_NODELAY_TIMEOUT: Final = 30
KCP_TIMEOUT: Final = 100
KCP_LAST_TIMEOUT: Final = 8000

#: Seconds by which a timer may be late before we take it that the machine was busy, and
#: look first what has come meanwhile: else all that is under way would seem to be lost.
KCP_LATE: Final = 0.005

#: How often one segment is sent before the peer is given up: KCP's.
KCP_TRANSMISSIONS: Final = 20

#: Seconds after which a closed window is asked about, and at the most, after it was
#: asked about in vain: KCP begins with 7, and ends with as many.
KCP_PROBE: Final = 1.0
KCP_PROBE_MAXIMUM: Final = 120.0

#: Seconds that a client waits for the server's answer before it asks again, at first;
#: twice as long each time.  As QUIC (RFC 9002, section 6.2.2), rounded.
KCP_HELLO: Final = 0.5

#: Seconds for a client's handshake: a server that is there answers in one of six tries.
KCP_HANDSHAKE: Final = 30.0

#: Seconds for which a server's cookie is good, at the least: a round trip over the
#: worst of paths, and one repetition.
KCP_COOKIE: Final = 30.0

#: Seconds of silence after which a peer is asked whether he is there: kcptun's and
#: smux's.  It also keeps address translators from forgetting a client.
KCP_KEEPALIVE: Final = 10

#: The same, after something other than an answer came: a client whose address has
#: changed, and who has nothing to say, would not be found before.
KCP_STOPPED: Final = 1.0

#: The most that an operator may choose, in seconds.
KCP_KEEPALIVE_MAXIMUM: Final = 3600

#: Questions that a peer may leave unanswered: he is given up then.  A client changes
#: its socket before, each time so many were left.
KCP_UNANSWERED: Final = 6
KCP_REBIND: Final = 2

#: Seconds of silence that end a conversation with a peer who cannot be asked: what
#: snowflake gives its own.
KCP_IDLE: Final = 600.0

#: Seconds between two challenges to a client that has moved: a datagram of each burst
#: is enough.
KCP_CHALLENGE: Final = 0.1

#: Seconds for which a client keeps its socket when the server has ended a
#: conversation: if what it said last is lost, the server asks again, after its longest
#: timeout at the latest; and maybe once more.
KCP_LINGER: Final = 20.0

#: Seconds for which a conversation that is over is remembered, so that it is not begun
#: again, and that its peer hears of its end even if that was lost: more than twice a
#: cookie's life.
KCP_REMEMBERED: Final = 90.0

#: Conversations of one listener at a time; and with one client's address, or, of
#: IPv6, one network of 64 bits, where many may stand behind a translator.
KCP_CONVERSATIONS: Final = 16384
KCP_CONVERSATIONS_EACH: Final = 256

#: Times as many bytes that a client whose address may be forged is sent as came from
#: there: QUIC's (RFC 9000, section 8.1).  For kcptun's framing alone, ours sends no
#: more than it got.
KCP_AMPLIFICATION: Final = 3

# --- smux -------------------------------------------------------------------

#: Payload bytes in one frame at the most: the reference's default.  It is eight less
#: in fact, since the frame has to fit what the network is given at once.
SMUX_FRAME: Final = 32 * 1024

#: Bytes that one stream's peer may be ahead of its reader.  Any peer may be 256 KiB
#: ahead before it is told anything; twice that is 20 Mbit/s at 200 ms.
SMUX_WINDOW: Final = 512 * 1024

#: Bytes that all streams of a session hold for their readers, before it is not read
#: any more: the windows of sixteen readers that stopped.
SMUX_BUFFER: Final = 16 * SMUX_WINDOW

#: Bytes that an operator may choose for either.
SMUX_BUFFER_MAXIMUM: Final = 256 * 1024 * 1024

#: Seconds between two NOPs, and of silence before a session is over: the
#: reference's.
SMUX_KEEPALIVE: Final = 10
SMUX_TIMEOUT: Final = 30

#: The most seconds that an operator may choose for either.
SMUX_KEEPALIVE_MAXIMUM: Final = 24 * 3600

#: Streams that a peer may have in one session, each of some two kilobytes, and of a
#: hundred more if its application writes and the peer does not read.  Four times what
#: a client of ours opens, since the client forgets a stream before its server does.
SMUX_STREAMS: Final = 2048

#: Streams that a client puts on one session before it makes another: a busy
#: browser's, several times over.
SMUX_CLIENT_STREAMS: Final = 512

#: Refusals of streams that may wait for the network.  They are for streams that the
#: peer opened while it had too many: half of what it may have.
SMUX_REFUSALS: Final = SMUX_STREAMS // 2

#: Seconds for which the reader of a stream may take nothing at all while its session
#: is full and waits for it: a minute is long for whoever else is on that session.
SMUX_STALL: Final = 60.0

#: Sessions of one client with one server at a time: eight thousand streams.
SMUX_SESSIONS: Final = 16

#: The most that a user may choose.
SMUX_SESSIONS_MAXIMUM: Final = 256

#: Seconds for which a client keeps a session without streams: long enough for the
#: next page, short enough for who looks at how long connections last.
SMUX_IDLE: Final = 30

#: Different servers, or ways to reach them, whose sessions a client shares at a time.
#: Connections to more get sessions of their own.
SMUX_POOLS: Final = 1024

#: Bytes that a session gives the network in one piece: a frame of the longest, or
#: several that are shorter.  It is what an obfs method writes as one burst.
SMUX_WRITE: Final = BURST
