"""
Which transport methods are there, and where they came from.
"""
