"""
Of the methods that encrypt: the obfs family, shadow, Replicant and Starbridge.
"""

from __future__ import annotations

from typing import Final

from pyptwist.limits.connections import SERVER_HANDSHAKE

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

# --- shadow, Replicant and Starbridge ---------------------------------------

#: Files in which a server remembers handshakes that bear no date, 8191 in each:
#: some 130,000, as many as an obfs4 server does, in 1 MiB of disk and 4 MB of
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
