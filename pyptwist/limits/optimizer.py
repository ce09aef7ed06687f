"""
Of the method Optimizer.
"""

from __future__ import annotations

from typing import Final

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
