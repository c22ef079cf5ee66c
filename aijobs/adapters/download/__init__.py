"""The guarded download of outputs: redirects, limits, and checks of what arrives."""
