"""`python -m demo`: the first-start tour. `python -m demo load`: live load on the reference platform."""

import sys

if sys.argv[1:] == ["load"]:
    from demo.load import run
else:
    from demo.tour import run

run()
