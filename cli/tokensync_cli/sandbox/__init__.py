"""A loopback authorization server that behaves as the real providers do, with consent pages, faults and a ledger.

It is written from the providers' documentation and imports nothing from the core: a fact misread in one of the two
shows as a difference between them.
"""
