"""
Tests for ``pyptwist.checking``.
"""
