"""Tests of driver/kernel/views."""
