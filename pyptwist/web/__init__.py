"""
Web servers to hide in, without what would tell their software.
"""
