"""Rules for drivers, and what finds out who breaks them: Linux's own debug checks, and what its documents demand.

A machine without a Checker checks nothing: `Machine.rules` is None, and that is all that its functions look at.
"""
