"""From one version to the next and back, while jobs run."""
