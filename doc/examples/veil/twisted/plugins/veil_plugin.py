from pyptwist.registry import TransportPlugin

veil = TransportPlugin("veil", client="veil.Veil", server="veil.Veil")
