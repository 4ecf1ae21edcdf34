"""gunicorn as the comparison states it: two workers on the two cores.

The application is loaded before the fork, so that the workers share its pages
and the peer's memory is reported at its best.
"""
workers = 2
preload_app = True
timeout = 120
accesslog = None
loglevel = "warning"
