"""How requests become batches: admission, the queue, the scheduler, and what runs it.

Knows rows, deadlines and signatures; never a protocol, a socket or an engine's name.
"""
