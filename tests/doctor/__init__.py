"""
Tests for ``pyptwist.doctor``.
"""
