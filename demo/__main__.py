"""`python -m demo`: the first-start tour. `python -m demo load`: live load on the reference platform.

`python -m demo load 3` moves one tenant there, back and there meanwhile, and ends.
"""

import sys

if sys.argv[1:2] == ["load"]:
    from demo.load import run as load

    load(int(sys.argv[2]) if sys.argv[2:] else 0)
else:
    from demo.tour import run

    run()
