"""Rules: what must hold of every resource, as pure functions with their reasons beside them."""
