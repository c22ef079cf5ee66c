"""Going out to the internet without being led astray: what every adapter that follows links needs."""
