"""
KCP: a reliable stream over datagrams.

The protocol is skywind3000's, as kcptun, snowflake and others speak it; there is no
specification but its wire format, for which see ``segments``.  What this one adds for
peers of its own kind is an end: a segment without data, behind which nothing comes.

Messages are not kept apart: a peer that marks fragments is read as a stream.  There
is no handshake, no encryption, and no authentication of anything.
"""

from __future__ import annotations

from pyptwist.multiplex.kcp.conversation import Conversation
from pyptwist.multiplex.kcp.segments import conversationOf
from pyptwist.multiplex.kcp.settings import MODES, Settings

__all__ = ["MODES", "Conversation", "Settings", "conversationOf"]
