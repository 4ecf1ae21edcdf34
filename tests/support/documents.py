"""Documents over HTTP: what most tests of them do."""

import os
import pathlib

from .sheaf import REPO
from .waiting import wait_until

DATA = pathlib.Path(os.environ.get("SHEAF_TEST_DATA",
                                   REPO.parent / "shared" / "data"))
ALL_SERVICES = "scraper,backend,processor,analytics,web"
ENDED = ("completed", "failed", "cancelled")

GUIDE = {
    "title": "Kubernetes Guide",
    "text": "Kubernetes is a container orchestration platform. It runs "
            "containers on many machines.\n\nTo deploy an application to "
            "Kubernetes, write a Deployment manifest and apply it with "
            "kubectl apply. The control plane then starts the pods.\n\n"
            "A Service gives the pods one stable address.",
    "metadata": {"author": "Vasu", "category": "devops", "year": 2025},
}
SOUP = {
    "title": "Soup",
    "text": "Chop onions and carrots. Simmer them in broth with thyme for "
            "half an hour. Serve the soup hot with bread.",
    "metadata": {"author": "Ann", "category": "cooking", "year": 2024},
}


def add(server, document, wait=True):
    """POST /process/text -> the job when it has ended."""
    return accepted(server, server.post("/process/text", json=document),
                    "text-", wait)


def send(server, name, data, wait=True, headers=None, **fields):
    """POST /process/file -> the job when it has ended."""
    reply = server.post("/process/file", data=fields, headers=headers,
                        files={"file": (name, data)})
    return accepted(server, reply, "file-", wait)


def accepted(server, reply, prefix, wait):
    assert reply.status_code == 202, reply.text
    assert reply.json()["status"] == "pending"
    name = reply.json()["job_id"]
    assert name.startswith(prefix)
    return ended(server, name) if wait else name


def ended(server, name):
    def look():
        job = server.get(f"/jobs/{name}").json()
        return job if job["status"] in ENDED else None
    job = wait_until(look, timeout=60)
    server.settled()
    return job


def without_model(make_lite, box):
    """A server that runs everything, but finds no model: never ready."""
    return make_lite.make(settings={"model_dir": box / "nothing",
                                    "services": ALL_SERVICES}
                          ).start(until="/healthz")


def query(server, q, **params):
    reply = server.get("/query", params={"q": q, **params})
    assert reply.status_code == 200, reply.text
    return reply.json()


def documents(server):
    return server.get("/documents/").json()["results"]


def chunks(server, document_id):
    """All chunks of a document, page by page."""
    found, page = [], 1
    while True:
        reply = server.get(f"/documents/{document_id}/chunks",
                           params={"page": page, "page_size": 100}).json()
        found += reply["results"]
        if not reply["next"]:
            return found
        page += 1
