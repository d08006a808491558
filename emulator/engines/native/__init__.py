"""The engine ``native``: the Verilated board as a shared library, with no simulator's process and no VPI around it."""
