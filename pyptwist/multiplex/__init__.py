"""
Many transport connections on one network connection.
"""
