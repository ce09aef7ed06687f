"""
meek: a stream in the bodies of HTTP requests and their answers.
"""
