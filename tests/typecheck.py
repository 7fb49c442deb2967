"""The type checker of the tests' import hook: an int is a float and a float is complex, as PEP 484 has it."""

from beartype import BeartypeConf, beartype

checked = beartype(conf=BeartypeConf(is_pep484_tower=True))
