"""Tests of driver/kernel/lib."""
