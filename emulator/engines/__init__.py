"""What advances the hardware: the engines and their contract (base.py)."""
