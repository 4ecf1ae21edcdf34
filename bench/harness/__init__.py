"""What every part of the bench shares.

  corpus    the papers, made the same way each time
  machine   what the numbers were measured on
  process   children: start, wait for quiet, memory, stop
  postgres  a private PostgreSQL cluster
  servers   sheaf and the Django peer, behind one small interface
  load      wrk, and plain sequential HTTP
  report    medians, ratios, the table at the end

A part is a module bench/bench_<name>.py with a docstring and `run(bench)`,
where `bench` is run.Bench.  Nothing here asserts a time: a bench only prints.
"""
