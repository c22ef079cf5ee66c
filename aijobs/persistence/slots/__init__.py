"""Slots at vendors: how many jobs may be in flight, and who is next, by the order of `aijobs/domain/jobs/slots`.

A job takes a slot in the transaction that stores its intent to submit, and gives it back in the one that records that
its vendor has nothing more to do. A job without one waits in the line of its credential.
"""
