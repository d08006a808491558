"""How fast the simulation runs: `make bench`, or ``python -m emulator.bench``."""
