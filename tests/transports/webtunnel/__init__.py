"""
Tests for ``pyptwist.transports.webtunnel``.
"""
