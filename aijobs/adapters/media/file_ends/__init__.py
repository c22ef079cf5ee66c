"""Where files of each format end."""
