"""How requests become batches: pure batch forming, and the driver that runs it.

Knows rows, deadlines and signatures; never a protocol, a socket or an engine's name.
"""
