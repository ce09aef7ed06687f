"""
The tests that every codec must pass.
"""

from __future__ import annotations

from pyptwist.testing.handshakes import HandshakeTests
from pyptwist.testing.hostility import HostilityTests
from pyptwist.testing.payloads import PayloadTests


class CodecConformance(HandshakeTests, PayloadTests, HostilityTests):
    """
    Mix into a trial test case, and set ``method``::

        class MineTests(CodecConformance, SynchronousTestCase):
            method = Mine

    :cvar method: what has ``clientCodec`` and ``serverCodec`` when called: a class
        on ``CodecClientTransport`` and ``CodecServerTransport``.
    :cvar serverArguments: the operator's options.
    :cvar flushSeconds: how long the codec may hold written payload back, in
        seconds of a clock that costs no time.
    :cvar boundedBuffer: bytes that one side may keep of what it is sent, or sends.
    :cvar payload: what is sent, if not everything can be: some thousand bytes.
    :cvar plain: whether a censor may see payload, or the same bytes in each
        connection: True for methods that hide nothing.
    :cvar splits: at about how many places messages are cut: at every one of those
        that are no longer than that.
    """
