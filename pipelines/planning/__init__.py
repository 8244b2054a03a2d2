"""Planning: changes become a plan that can be looked at before anything is sent."""
