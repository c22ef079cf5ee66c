"""A job: its request, events, outputs, parameters, submissions, and what its activities are given."""
