"""Words of the command line: their language, and what may have been meant."""
