"""Tests of the MAC, block by block and whole."""
