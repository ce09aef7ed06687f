"""
What the transports compute, over library primitives: pure functions and small objects.
"""
