"""What measurements run on: installations, processes, vendors, readers."""
