"""Conformance with the CNCF Kubernetes AI Conformance program: what is asked, and what was shown.

Plain data and pure functions. What a cluster is asked is in ``tests/conformance``.
"""
