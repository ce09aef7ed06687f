"""
Many transport connections on one network connection; and streams on datagrams.
"""
