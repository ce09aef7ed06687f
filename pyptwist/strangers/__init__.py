"""
Peers who have not proved what they are, and what they are shown.
"""
