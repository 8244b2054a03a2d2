"""Tests of the seeds and their oracle."""
