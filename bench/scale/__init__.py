"""What one installation carries: `python -m bench archive|in_flight|workers [--jobs N]`. These take long."""
