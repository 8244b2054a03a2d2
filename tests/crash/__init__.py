"""Real processes that die at any moment."""
