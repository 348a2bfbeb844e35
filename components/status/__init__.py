"""What runs and how it is: pure functions from what an API server lists to a report."""
