"""Delivery: the only floor that talks to the network."""
