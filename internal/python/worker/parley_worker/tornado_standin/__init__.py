"""The parts of Tornado that functions of an app use, for machines without it.

Imported under Tornado's names. Nothing here knows of Parley; its rules
(timers.py) are put on this and on the real package alike.
"""

version = '6.4+parley'
version_info = (6, 4, 0, 0)
