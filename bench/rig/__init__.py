"""The environment of benchmarks: installations, processes, vendors, readers."""
