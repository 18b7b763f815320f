"""Which versions should be live, and moving between them.

No request is dropped on the way: a version is used through a handle that is given back.
"""
