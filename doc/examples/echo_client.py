"""
Sends one line to an echo server behind a transport, and prints the answer::

    python echo_client.py 'pt:bridge=obfs4 192.0.2.1\\:8443 cert=... iat-mode=0'
"""

import sys

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import clientFromString, connectProtocol
from twisted.internet.task import react
from twisted.protocols.basic import LineReceiver


class Question(LineReceiver):
    delimiter = b"\n"

    def __init__(self):
        self.answer = Deferred()

    def lineReceived(self, line):
        self.answer.callback(line)


async def main(reactor, description):
    endpoint = clientFromString(reactor, description)
    question = await connectProtocol(endpoint, Question())
    # The handshake is over: what is written now is carried.
    question.sendLine(b"is anybody there?")
    answer = await question.answer
    print(f"{question.transport.methodName} carried: {answer.decode()}")
    question.transport.loseConnection()


react(lambda reactor: Deferred.fromCoroutine(main(reactor, *sys.argv[1:])))
