"""Images and other media: sniffing, checking, measuring, cleaning."""
