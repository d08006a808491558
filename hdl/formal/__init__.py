"""Formal proofs of the NIC's blocks: ``make formal``.

A proof is a component that holds a block, assumes what the block's neighbours promise and asserts what the block
promises. A solver then looks for inputs that break an assertion: from reset over a number of clocks (bounded), and from
any state whatever that satisfied the assertions for a number of clocks (induction), which covers all time.
"""
