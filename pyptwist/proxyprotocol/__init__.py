"""
Standing behind a load balancer that says whose connections it brings.
"""
