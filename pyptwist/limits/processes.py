"""
Of what is between a parent and its child, and of files.
"""

from __future__ import annotations

from typing import Final

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

#: Clients over UDP for which somebody on their path has a socket each, of a process that
#: often may have 1024: they come one after the other, and have no end that can be seen.
TAPPED_CLIENTS: Final = 64

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

#: Different warnings of misspelt arguments in a process's life: applications bring
#: theirs without end, and what was told is remembered, to be told once.
MISSPELT_WARNINGS: Final = 200

#: Keys of one set of arguments that are compared with those that exist: no method has as
#: many, and an application may send thousands, each of which takes 30 microseconds.
MISSPELT_KEYS: Final = 100

#: Bytes of a log file before it starts anew, one old file being kept.
LOG_FILE: Final = 4 * 1024 * 1024

# --- State ------------------------------------------------------------------

#: Bytes in one state file.  Ours hold a few keys, so whatever is larger is not
#: ours, and is not read into memory.
STATE_FILE: Final = 64 * 1024

# --- Packages of others -----------------------------------------------------

#: Characters of the name of a package that ``pyptwist new`` writes: with more,
#: lines of its code would be longer than its linter likes.
SCAFFOLD_NAME: Final = 32
