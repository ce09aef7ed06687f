"""
demo_transport: a pluggable transport on pyptwist.
"""
