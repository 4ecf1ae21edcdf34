"""What tests of the whole program stand on: the process under test, a private
PostgreSQL, a fake arXiv, a fake webhook receiver, and raw sockets.

Nothing here knows sheaf's source: it is driven as a program and over HTTP.
"""
