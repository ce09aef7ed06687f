"""
TLS over a network: a client's side, and a server's.
"""
