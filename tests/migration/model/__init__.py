"""The protocol of migration.md, small enough that every interleaving of it can be looked at.

    state.py       one moment: two stores of two rows, the control database, two clients, a mover and its zombie
    writer.py      a client's transaction through the guard
    mover.py       one incarnation of the mover; copying.py has steps 2 to 4, comparing.py 5, switching.py 7 and 8
    watchdog.py    taking the lease over, aborting, suspending
    standing.py    what can be read off a moment: lease, settled, mirror
    invariants.py  what holds in every moment        faults.py  the mistakes that must be found
    search.py      breadth first                     test_protocol.py  how far

A step is what one transaction commits; whoever makes it may sleep or die before the next. What reads one database and
writes another is two steps where something could come between them, and one where the lease or capture covers the gap.
Left out: reads and their token, objects and vectors (their changes are dirty keys), row conflicts of clients, prepared
transactions (a client that never ends, so that the lock is not had), more than one zombie at once.
"""
