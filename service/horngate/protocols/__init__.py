"""What travels on the wire: message in, message out, over ``inference``.

No transport here: a protocol is a table of ``Method``, and any transport can serve it.
"""
