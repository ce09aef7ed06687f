"""
The tests, and how hypothesis behaves in all of them.
"""

from hypothesis import HealthCheck, settings

# A slow or busy machine is no fault of the code's.
settings.register_profile("anywhere", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("anywhere")
