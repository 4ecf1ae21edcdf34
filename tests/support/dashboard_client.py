"""dashboard_client.py URL TRANSPORT [TOKEN] - a python-socketio client that
prints each event as a line of JSON: [name, data], or ["refused", null]."""

import json
import sys

import socketio

url, transport, *token = sys.argv[1:]
headers = {"Authorization": f"Bearer {token[0]}"} if token else {}


def say(name, data):
    # each event is told on a thread of its own: a line in one piece
    sys.stdout.write(json.dumps([name, data]) + "\n")
    sys.stdout.flush()


client = socketio.Client(reconnection=False)
client.on("*", say)
try:
    client.connect(url, transports=[transport], headers=headers)
    client.wait()
except socketio.exceptions.ConnectionError:
    say("refused", None)
