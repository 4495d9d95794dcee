"""A workspace on the loopback interface that runs jobs for real.

It and the client do not import each other: they communicate over HTTP. From the inside out:

    dag        which task runs next, and what a run's result is: pure functions
    model      jobs, runs, attempts: the data; `endings` says how they end
    agenda     what is due when, by an injected clock
    engine     the state machine that moves runs forward
    tasks      what an attempt does, by the type of its task; `conditions` compares
    references what `{{job.parameters.day}}` stands for
    runner     tasks as subprocesses; `bootstrap` is what runs inside them
    scenario   what goes wrong, and when; `scenarios` reads it from files
    notebooks  the cells of a notebook's source file
    history    the file of ended runs
    past_runs  the runs that a scenario says a job has had
    execution  the work of one attempt, and what it leaves behind
    fields, parameters, settings
               what a request must hold; `refusal` has the errors
    files      the files of the workspace and of DBFS, on disk
    permissions
               who may do what; kept, and without effect
    state      what is kept for the next sandbox
    workspace  what a client may do
    paging     pages and the tokens between them
    views      the shapes of each API version; `export` that of notebooks
    call       a request on its way to an endpoint
    job_endpoints, workspace_endpoints, dbfs_endpoints, permission_endpoints, clusters
               the endpoints of each API
    endpoints  the table of all of them, with their versions
    sign_in    tokens, and who has a valid one
    shared_host
               one host for several workspaces
    application, connections
               requests to answers, and sockets to requests
    server     `Sandbox`, the whole of it as a context manager
"""
