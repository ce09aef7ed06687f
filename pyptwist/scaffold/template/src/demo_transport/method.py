"""
demo_transport as a transport method: from arguments to codecs.
"""

from __future__ import annotations

from pyptwist.arguments import Arguments
from pyptwist.codec import CodecFactory
from pyptwist.endpoints import CodecClientTransport, CodecServerTransport
from pyptwist.errors import ConfigurationError
from pyptwist.interfaces import Context
from pyptwist.strangers.silence import drainSeconds

from demo_transport.codec import SECRET, ClientCodec, ServerCodec


class DemoTransport(CodecClientTransport, CodecServerTransport):
    """
    Both sides.  The one argument, on each, is ``secret``: 32 hexadecimal digits.
    """

    name = "demo_transport"
    stateFile = "demo_transport_secret"

    def clientCodec(self, context: Context, arguments: Arguments) -> CodecFactory:
        secret = arguments.hexadecimal("secret", SECRET)
        return lambda: ClientCodec(secret, context.entropy)

    def serverCodec(
        self, context: Context, arguments: Arguments
    ) -> tuple[CodecFactory, Arguments]:
        secret = self.serverSecret(context, arguments)
        drain = drainSeconds(context.entropy)  # one for all connections

        def codec() -> ServerCodec:
            return ServerCodec(secret, context.entropy, drain)

        return codec, Arguments(secret=secret.hex())

    def serverSecret(self, context: Context, arguments: Arguments) -> bytes:
        """
        :returns: the operator's secret; without that option, one that is made at
            the first start, and kept in the state directory.
        """
        if "secret" in arguments:
            return arguments.hexadecimal("secret", SECRET)
        state = context.stateDirectory
        if state is None:
            raise ConfigurationError("give the option secret, or a state directory")
        secret = state.read(self.stateFile)
        if secret is None:
            secret = context.entropy(SECRET)
            state.write(self.stateFile, secret)
        if len(secret) != SECRET:
            raise ConfigurationError(f"{self.stateFile} is damaged; remove that file")
        return secret
