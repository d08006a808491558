"""Tests of the rules: for each of them a small driver that breaks it and no other."""
