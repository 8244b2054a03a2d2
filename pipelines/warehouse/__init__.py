"""The warehouse: a few verbs over the engine a team already has."""
