"""Building blocks: they know Pulumi and clusters, and no addon by name."""
