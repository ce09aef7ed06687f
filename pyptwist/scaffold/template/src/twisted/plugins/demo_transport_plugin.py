"""
Makes demo_transport known.  No __init__.py may stand beside it.
"""

from pyptwist.registry import TransportPlugin

demo_transport = TransportPlugin(
    "demo_transport",
    client="demo_transport.method.DemoTransport",
    server="demo_transport.method.DemoTransport",
)
