"""The load of a run: customers, readers of streams, and the photos they send."""
