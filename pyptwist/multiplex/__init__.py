"""
Many streams on one, and streams on datagrams: protocols by themselves, without any
reactor, clock or socket.
"""
