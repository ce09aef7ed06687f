"""
How an application reaches the transport, and what a server forwards to.
"""
