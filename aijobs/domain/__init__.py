"""The domain: rules and values of jobs, without any I/O."""
