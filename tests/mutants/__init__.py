"""Mutants of the shop's audiences: each small change of their SQL must be noticed by a test."""
