"""
Tests for demo_transport.
"""
