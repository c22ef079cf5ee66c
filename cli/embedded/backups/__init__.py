"""Copies of a whole installation of one host, in a folder or a TAR file, and installations made of them."""
