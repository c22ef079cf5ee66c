"""Our own generation steps: what synchronous models do, in stages."""
