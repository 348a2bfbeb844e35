"""The rules, a module for each subject; each has them in its tuple ``RULES``, and nothing else."""
