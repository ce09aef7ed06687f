"""
Tests for ``pyptwist.configfile``.
"""
