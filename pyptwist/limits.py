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

# --- Datagrams --------------------------------------------------------------

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

# --- IPC --------------------------------------------------------------------

#: Bytes of a message within a line to the parent, quotes included.  tor cuts log
#: lines at about 10 kB; an operator reads far less.
IPC_MESSAGE: Final = 2048

#: Characters of options for methods, on the command line or in a file: twice what
#: Linux allows one argument to have.
OPTIONS: Final = 256 * 1024

#: Bytes of a configuration file: a thousand sections of a thousand bytes.
CONFIGURATION_FILE: Final = 1024 * 1024

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

#: Seconds for a child to end when it is told to, before it is told in a rougher
#: way: its input closed, SIGTERM, SIGKILL.
CHILD_END: Final = 5.0

#: Seconds for what a child that has ended still has in its pipes: a grandchild may
#: hold them open for ever.
CHILD_LINGER: Final = 1.0

#: Seconds that standard error may lag behind standard output: a method's error and
#: the end of the methods come in two pipes.
CHILD_STRAGGLER: Final = 0.2

#: Bytes of one line of a child.  The longest that means something is an SMETHOD
#: line with a certificate or two, of some hundred.
CHILD_LINE: Final = 16 * 1024

#: Methods that a child may report, launched or not: all that there are, several times.
CHILD_METHODS: Final = 256

#: Lines of standard error that are kept, for the error when a child ends.
CHILD_LAST_WORDS: Final = 5

#: Lines of standard error that go to the log in one burst, and seconds after which
#: one more may: a child that is in trouble says the same for each connection.
CHILD_ERRORS_BURST: Final = 100
CHILD_ERRORS_INTERVAL: Final = 1.0

#: Seconds before a child that ended is started again: tor's one second first, then
#: twice as long each time, up to half a minute.
CHILD_RESTART: Final = 1.0
CHILD_RESTART_MAXIMUM: Final = 30.0

#: Seconds of life after which a child's next end counts as its first.
CHILD_STEADY: Final = 60.0

#: Seconds for a child's client to answer a SOCKS request: it dials, with an upstream
#: proxy perhaps, and has its method's handshake in that time.
CHILD_SOCKS: Final = 180.0

#: Seconds for one connection that is inspected, handshake and conversation: the
#: slowest of methods takes a few.
INSPECTED_CONNECTION: Final = 120.0

#: Seconds without progress after which a check of a bridge gives up, unless told
#: otherwise: somebody is waiting, and a bridge that takes longer is of little use.
CHECK: Final = 30.0

#: Bridges that are checked at a time at the most.
CHECK_JOBS: Final = 32

#: KiB of traffic in one check at the most: 16 MiB tell how fast a bridge is, and
#: each check holds as many.
CHECK_TRAFFIC: Final = 16 * 1024

#: Bytes of a request that a check sends, and of a list of bridge lines.
CHECK_FILE: Final = 1024 * 1024

#: Seconds that a check gives its connection to end in order.
CHECK_CLOSE: Final = 2.0

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

#: Handshakes that a server remembers, some 40 bytes each; obfs4proxy keeps as
#: many.  A busy bridge sees a tenth of them in three hours.
REPLAY_CAPACITY: Final = 100 * 1024

# --- The obfs family --------------------------------------------------------

#: Seconds that a client of obfs2 or obfs3 gives the handshake: obfs4proxy's.
OBFS_CLIENT_HANDSHAKE: Final = 30.0

#: Applications of SHA-256 in one turn of the reactor, of the 100000 that a key of
#: obfs2 takes with a shared secret: half a millisecond of a machine of 2020.
OBFS2_ROUNDS: Final = 2000

#: The same while more than a handshake waits for the key: each read is paid for
#: with more work, so that fewer come before the key.  A turn may end one key and
#: begin the next, so this is half of what one turn may have.
OBFS2_HURRIED_ROUNDS: Final = 4000

#: Bytes that may wait for the keys of obfs2, where 25 reads of 32 KiB, at the worst,
#: come before each of four.  A stranger gets two of them made.
OBFS2_BUFFER: Final = 4 * 1024 * 1024

# --- scramblesuit -----------------------------------------------------------

#: Seconds for which a session ticket is good, after it was issued: the
#: reference's.
TICKET_LIFETIME: Final = 7 * 24 * 3600

#: Seconds for which a server makes tickets with one pair of keys: as long, so that
#: no ticket outlives the pair before the present one.
TICKET_KEY_LIFETIME: Final = TICKET_LIFETIME

#: Servers of which a client keeps a ticket.  More than anybody has bridges; the
#: file, which each connection writes, has some 300 bytes for each.
STORED_TICKETS: Final = 128

#: Bytes of the file in which a server keeps its handshakes of the last hours, twelve
#: for each: two thousand, which take a quarter of a millisecond to look through.
HANDSHAKE_JOURNAL: Final = 24 * 1024

# --- Optimizer --------------------------------------------------------------

#: Seconds for one connection, however many transports are tried: the reference's, and
#: what one transport has alone (``CLIENT_HANDSHAKE``).
OPTIMIZER: Final = 60.0

#: Seconds for one transport while others are left to be tried, in the first round;
#: twice as many in each that follows, so that a slow one is found as well.
OPTIMIZER_TRY: Final = 10.0

#: Seconds to wait when all were tried, twice as many each time, and the most: who is
#: blocked for good is not to be seen knocking.
OPTIMIZER_BACKOFF: Final = 1.0
OPTIMIZER_BACKOFF_MAXIMUM: Final = 16.0

#: The most rounds that can be asked for; time is over before.
OPTIMIZER_ROUNDS: Final = 100

#: Transports to choose from.  More than anybody has servers.
OPTIMIZER_TRANSPORTS: Final = 32

#: Tries at a time at the most.  Each shows one more server to who watches.
OPTIMIZER_PARALLEL: Final = 8

#: Optimizers within one another.  One within another has a use; text from outside could
#: go on until Python's stack ends.
OPTIMIZER_DEPTH: Final = 3

#: Sets of transports whose place in the rotation is remembered.
OPTIMIZER_CONFIGURATIONS: Final = 64

#: Transports of which it is remembered how well they are, 70 bytes each on the disk.
OPTIMIZER_HEALTH: Final = 256

#: Seconds for which that is believed: censors and networks change in hours.
OPTIMIZER_HEALTH_LIFETIME: Final = 3600.0

#: Seconds between writes of it, unless something has failed or recovered.
OPTIMIZER_HEALTH_SAVE: Final = 60.0

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

#: Seconds without an answer after which a client stops repeating its request: less
#: than the time for which the server keeps the session.
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
#: told otherwise: later versions of the reference's client are said to send 12.
MEEK_ID_MAXIMUM: Final = 128
MEEK_ID_MINIMUM: Final = 8

#: Sessions of a server at a time, each with a connection to its destination, and
#: those of one address; unless told otherwise.  Many people share an address.
MEEK_SESSIONS: Final = 4096
MEEK_SESSIONS_EACH: Final = 256

#: The most that an operator may choose: all ports of a destination.
MEEK_SESSIONS_MAXIMUM: Final = 65536

# --- webtunnel ---------------------------------------------------------------

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

# --- shadow, Replicant and Starbridge ---------------------------------------

#: Files in which a server remembers handshakes that bear no date, 8191 in each:
#: some 130,000, as many as an obfs4 server does, in 1 MiB of disk and 20 MB of
#: memory when all are full.
LEDGER_PAGES: Final = 16

#: The same for the salts of all clients of a process, which are in memory alone.
CLIENT_LEDGER_PAGES: Final = 2

#: The same for an obfs4 server's handshakes, which bear a date: the last 16,382 at
#: least, when a busy bridge sees 10,000 in the hours for which that is accepted.
HANDSHAKE_LEDGER_PAGES: Final = 3

#: Seconds that a Starburst client gives each answer of its server: the reference's.
SMTP_ANSWER: Final = 10.0

#: Seconds that a Starburst server gives a client until it has said STARTTLS: what
#: RFC 5321, section 4.5.3.2.7, has servers wait for a command, and the reference
#: for this one.
SMTP_SESSION: Final = 300.0

#: Commands of one SMTP session in clear.  Those who do not read our answers must
#: not make us keep more than a few KiB of them.
SMTP_COMMANDS: Final = 100

#: Commands that make no sense before an SMTP session ends: Postfix's hard limit.
SMTP_ERRORS: Final = 20

#: Seconds from accept to Ready of a server with a toneburst: the session, and then
#: any silence of what follows.
TONEBURST_SERVER_HANDSHAKE: Final = SMTP_SESSION + SERVER_HANDSHAKE

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

# --- Packages of others -----------------------------------------------------

#: Characters of the name of a package that ``pyptwist new`` writes: with more,
#: lines of its code would be longer than its linter likes.
SCAFFOLD_NAME: Final = 32

# --- Memory -----------------------------------------------------------------

#: Seconds between two looks at how much memory is in use: nobody misses what a crowd
#: left for a minute, and a look costs nothing.
MEMORY_LOOK: Final = 60.0
