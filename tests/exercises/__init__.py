"""Tests of the exercises, and of what checks them; those on the RTL are in cocotb_tests/test_exercises.py."""
