"""Seeded bugs of the RTL, and the test or proof that finds each: ``make mutants``."""
