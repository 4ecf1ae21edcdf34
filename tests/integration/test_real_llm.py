"""POST /ask with a real language model's server: llama.cpp.

The model is tiny, and was not taught to answer: what it says is of no
interest, how it says it is.
"""

import contextlib
import itertools
import re

import pytest

from support.documents import ALL_SERVICES, add
from support.events import Told, events
from support.real_llm import CONTEXT, RealLlm, Unavailable
from support.waiting import wait_until

NOTES = [{"title": "Pods", "text": "A Pod is the smallest unit in Kubernetes."},
         {"title": "Services", "text": "A Service gives Pods one address."}]
QUESTION = "What is a Pod?"


@pytest.fixture(scope="module")
def real_llm(work_dir):
    try:
        server = RealLlm(work_dir / "llm.log")
    except Unavailable as err:
        pytest.skip(str(err))
    yield server
    server.close()


@pytest.fixture(scope="module")
def start(standing, model_dir, real_llm):
    """Servers that ask it, by their settings."""
    names = (f"real-llm-{n}" for n in itertools.count())
    with contextlib.ExitStack() as stack:
        def make(**more):
            server = stack.enter_context(standing(
                next(names), model_dir=model_dir, services=ALL_SERVICES,
                llm_url=real_llm.url, **more))
            for note in NOTES:
                assert add(server, note)["status"] == "completed"
            return server
        yield make


def check(end, sources):
    """What every answer has, whatever the model says."""
    assert end["answer"] and end["model"] == "tiny"
    assert end["complete"] is not ("warning" in end)
    numbers = {s["n"] for s in sources}
    cited = {int(n) for n in re.findall(r"\[(\d+)\]", end["answer"])}
    assert numbers == {1, 2} and cited <= numbers
    assert cited or not end["grounded"]


@pytest.mark.timeout(600)
def test_real_answers(start):
    server = start(llm_context=CONTEXT, llm_max_tokens=16)
    told = Told(server.post("/ask", stream=True, timeout=300, json={
        "question": QUESTION, "stream": True}))
    assert told.order == ["sources", "token", "done"]
    assert told.tokens == told.done["answer"]
    check(told.done, told.sources)
    reply = server.post("/ask", timeout=300, json={
        "question": "And a Service?", "history": [
            {"role": "user", "content": QUESTION},
            {"role": "assistant", "content": "The smallest unit. [1]"}]})
    check(reply.json(), reply.json()["sources"])


@pytest.mark.timeout(600)
def test_real_model_stops_when_the_reader_leaves(start, real_llm):
    server = start(llm_context=CONTEXT, llm_max_tokens=500)
    reply = server.post("/ask", stream=True, timeout=300, json={
        "question": QUESTION, "stream": True})
    told = events(reply)
    while next(told)[0] != "token":
        pass
    assert real_llm.is_busy()
    reply.close()
    wait_until(lambda: not real_llm.is_busy(), 10,
               what="the end of the model's work")


@pytest.mark.timeout(600)
def test_real_context_is_too_small(start):
    """It was told to be larger than it is: the model's server refuses."""
    server = start(llm_context=100000)
    add(server, {"title": "Long", "text": "pods, and " * 1000})
    body = server.post("/ask", timeout=300, json={
        "question": QUESTION, "k": 10}).json()
    assert body["model"] == "extractive" and "A Pod is" in body["answer"]
    assert "does not accept the question" in body["warning"]
