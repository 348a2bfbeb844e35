"""Tiers: each file makes one kind of cluster and tells its facts."""
