"""dashboard_client.py URL TRANSPORT [TOKEN] - a python-socketio client that
prints each event as a line of JSON: [name, data], or ["refused", null]."""

import json
import sys

import socketio

url, transport, *token = sys.argv[1:]
headers = {"Authorization": f"Bearer {token[0]}"} if token else {}


def say(name, data):
    print(json.dumps([name, data]), flush=True)


client = socketio.Client(reconnection=False)
client.on("*", say)
try:
    client.connect(url, transports=[transport], headers=headers)
    client.wait()
except socketio.exceptions.ConnectionError:
    say("refused", None)
