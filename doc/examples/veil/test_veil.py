from twisted.trial.unittest import SynchronousTestCase
from veil import Veil

from pyptwist.arguments import Arguments
from pyptwist.testing import CodecConformance, EndpointConformance


class VeilTests(CodecConformance, EndpointConformance, SynchronousTestCase):
    method = Veil
    serverArguments = Arguments({"secret": "00112233445566778899aabbccddeeff"})
