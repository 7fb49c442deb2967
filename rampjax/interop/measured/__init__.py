"""Files of measured values: one reader, which never guesses a unit."""
