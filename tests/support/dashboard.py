"""dashboard.py URL TRANSPORT - a python-socketio client that prints each event
as a line of JSON: [name, data]."""

import json
import sys

import socketio

url, transport = sys.argv[1:]
client = socketio.Client(reconnection=False)
client.on("*", lambda name, data: print(json.dumps([name, data]), flush=True))
client.connect(url, transports=[transport])
client.wait()
