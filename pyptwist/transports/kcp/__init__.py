"""
kcp: a stream over UDP, which survives a client's change of address.  It hides
nothing: it is for carrying other methods.
"""
