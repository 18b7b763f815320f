"""What travels on the wire: message in, message out, over ``inference``.

No front here: a protocol is a table of ``Method``, and any front can serve it.
"""
