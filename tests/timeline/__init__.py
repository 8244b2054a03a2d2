"""Timelines: what becomes of a person, day after day. Each file under personas/ is one story and its states."""
