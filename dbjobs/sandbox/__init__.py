"""A workspace on the loopback interface that runs jobs for real.

It imports nothing of the client, nor the client of it: they meet over HTTP. From the inside out:

    dag        which task runs next, and what a run's result is: pure functions
    model      jobs, runs, attempts: the data
    agenda     what is due when, by an injected clock
    engine     the state machine that moves runs forward
    references what `{{job.parameters.day}}` stands for
    runner     tasks as subprocesses; `bootstrap` is what runs inside them
    fields, parameters, settings
               what a request must hold
    paging     pages and the tokens between them
    views      the shapes of each API version
    endpoints  the table of endpoints and their versions
    server     HTTP, and `Sandbox`, the whole of it as a context manager
"""
