"""Random sequences of faults against the real command, and a model that knows what has to come of each.

A sequence is a command line, a workspace with a history, what goes wrong on the wire and when,
the state of the standard streams, and a signal. All of it follows from a seed. The command runs
in a process of its own, over real sockets and real descriptors, by a clock of its own: pauses
and hanging servers cost no time.

- `histories`: how a run comes to its end; the truth that the exit code is held against
- `workspace`: the Jobs API, as far as the commands need it; it counts effects
- `faults`: what may go wrong on the wire
- `server`: sockets, TLS, and the faults
- `process`: one dbjobs in a forked process, and its clock
- `sequences`: what a seed stands for
- `oracle`: what must be true of every ending
- `runner`: runs sequences, and makes those that fail smaller
"""
