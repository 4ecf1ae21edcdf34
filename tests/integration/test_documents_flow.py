"""The drawing's Document Processing flow, step by step: over real pages of the
Kubernetes documentation, and over small ones of our own."""

import re

import pytest

from support.documents import DATA, ended

OWN = {
    "Kubernetes Guide": [
        "Kubernetes is a container orchestration platform. It schedules "
        "containers on the nodes of a cluster and restarts those that fail. ",
        "To deploy an application to Kubernetes, create a Deployment YAML file "
        "that names the image and the number of replicas, and run kubectl "
        "apply on it. The Deployment then creates the pods. ",
        "A Service gives the pods of a Deployment one stable address. "
        "Clients inside the cluster find it by its name in the DNS. "],
    "Soup": ["Chop onions and carrots. Simmer them in broth with thyme for "
             "half an hour. Serve the soup hot with bread. "],
    "Gardening": ["Tomatoes want sun and a warm wall. Water them at the root "
                  "in the morning, and never the leaves. "],
}


def own_pages():
    """Six chunks of the guide, whose middle is about deploying."""
    return {title: "\n\n".join(part * 6 for part in parts)
            for title, parts in OWN.items()}


def real_pages():
    folder = DATA / "documents" / "kubernetes-en"
    names = ["concepts__cluster-administration__manage-deployment.md",
             "concepts__overview__what-is-kubernetes.md",
             "concepts__services-networking__ingress.md",
             "concepts__storage__volumes.md",
             "tutorials__stateful-application__cassandra.md"]
    if not all((folder / name).is_file() for name in names):
        pytest.skip(f"no recorded documents below {DATA}")
    return {name.removesuffix(".md"): (folder / name).read_text()
            for name in names}


@pytest.mark.parametrize("make_pages", [own_pages, real_pages])
def test_as_drawn(desk, make_pages):
    pages = make_pages()

    # Part A, step 1: upload; the answer comes at once
    jobs = {}
    for title, text in pages.items():
        reply = desk.post("/process/text", json={
            "title": title, "text": text,
            "metadata": {"author": "Vasu", "category": "devops"}})
        assert reply.status_code == 202
        assert re.fullmatch(r"text-\d{10}(-\d+)?", reply.json()["job_id"])
        assert reply.json()["status"] == "pending"
        jobs[title] = reply.json()["job_id"]

    # steps 2 to 5: chunks, vectors, storage, the job's end
    ids = {}
    for title, name in jobs.items():
        job = ended(desk, name)
        assert job["status"] == "completed" and job["progress"] == 100.0
        assert job["chunks_processed"] == job["total_chunks"] > 0
        assert job["created_at"] <= job["updated_at"]
        ids[title] = job["document_id"]
        first = desk.get(f"/documents/{ids[title]}/chunks").json()
        assert first["count"] == job["total_chunks"]
        for i, chunk in enumerate(first["results"]):
            m = chunk["metadata"]
            assert m["chunk_index"] == i and m["title"] == title
            assert chunk["text"] == pages[title][m["start_char"]:m["end_char"]]
            assert len(chunk["text"]) <= 1100

    # Part B: the question; best first, with its place
    reply = desk.get("/query?q=how to deploy to kubernetes&k=3")
    assert reply.status_code == 200
    body = reply.json()
    assert body["query"] == "how to deploy to kubernetes"
    assert body["count"] == len(body["results"]) == 3
    distances = [r["distance"] for r in body["results"]]
    assert distances == sorted(distances) and 0 < distances[0] < 0.65
    for r in body["results"]:
        m = r["metadata"]
        assert r["id"] == f"{m['document_id']}_chunk_{m['chunk_index']}"
        assert m["document_id"] == ids[m["title"]]
        assert (m["author"], m["category"]) == ("Vasu", "devops")
        assert m["job_id"] == jobs[m["title"]]
        assert r["text"] == pages[m["title"]][m["start_char"]:m["end_char"]]
    assert "deploy" in body["results"][0]["text"].lower()

    # the future step: an answer whose every [n] is one of its sources
    body = desk.post("/ask", json={
        "question": "How do I deploy an application to Kubernetes?"}).json()
    assert body["grounded"] is True
    cited = {int(n) for n in re.findall(r"\[(\d+)\]", body["answer"])}
    sources = {s["n"]: s for s in body["sources"]}
    assert cited and cited <= set(sources)
    for source in sources.values():
        seen = desk.get(source["link"]).json()
        assert seen["text"] == source["text"]
        assert seen["document_id"] == ids[source["title"]]
