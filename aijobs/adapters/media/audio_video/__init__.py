"""Videos and sounds: what is known of them, posters, waveforms."""
