"""Saved searches: the parameters of the list, kept under a name, with the
number of papers that came since they were last looked at."""

import pytest

from support import papers
from support.papers import call, paper
from support.sheaf import now_utc

SEARCHES = "/api/searches/"


def save(sheaf, name="One", status=201, **filters):
    reply = sheaf.post(SEARCHES, json={"name": name, "filters": filters})
    assert reply.status_code == status, reply.text
    return reply.json()


def new_counts(sheaf):
    listed = sheaf.json(SEARCHES)
    assert listed["count"] == len(listed["results"])
    assert listed["next"] is None and listed["previous"] is None
    return {row["name"]: row["new_count"] for row in listed["results"]}


def test_life_of_a_search(sheaf):
    assert sheaf.json(SEARCHES)["results"] == []
    made = save(sheaf, "Retrieval, 検索", category="rag", min_relevance=0.7)
    assert list(made) == ["id", "name", "filters", "new_count", "error",
                          "seen_at", "created_at", "updated_at"]
    assert made["name"] == "Retrieval, 検索"
    assert made["filters"] == {"category": "rag", "min_relevance": 0.7}
    assert (made["new_count"], made["error"]) == (0, None)
    path = f"{SEARCHES}{made['id']}/"
    assert sheaf.json(path) == made
    assert sheaf.json(SEARCHES)["results"] == [made]
    changed = sheaf.patch(path, json={"name": "  Trimmed "}).json()
    assert changed["name"] == "Trimmed"
    assert changed["filters"] == made["filters"]
    assert changed["seen_at"] == made["seen_at"]
    changed = sheaf.patch(path, json={"filters": {"tag": "x"}}).json()
    assert (changed["name"], changed["filters"]) == ("Trimmed", {"tag": "x"})
    sheaf.restart()
    assert sheaf.json(path) == changed
    assert sheaf.delete(path).status_code == 204
    assert sheaf.json(SEARCHES)["results"] == []
    for method in ("GET", "PATCH", "DELETE"):
        reply = sheaf.request(method, path, json={"name": "x"}
                              if method == "PATCH" else None)
        assert reply.status_code == 404
        assert reply.json() == {"detail": "Not found."}
    assert sheaf.post(path + "seen/").status_code == 404


def test_new_counts(sheaf):
    sheaf.delivered(call(papers.papers(1, 10)))
    save(sheaf, "all")
    save(sheaf, "llm", category="llm")
    save(sheaf, "words", search='"retrieval augmented"', ordering="-rank")
    save(sheaf, "none", search="nothinglikethis")
    save(sheaf, "unread", read="false", category="cv")
    zero = dict.fromkeys(["all", "llm", "words", "none", "unread"], 0)
    assert new_counts(sheaf) == zero
    # Of ten in a row two are of each category.
    sheaf.delivered(call(papers.papers(11, 10), "arxiv-2"))
    assert new_counts(sheaf) == {"all": 10, "llm": 2, "words": 2, "none": 0,
                                 "unread": 2}
    rows = sheaf.json("/api/papers/?category=cv")["results"]
    newest = max(rows, key=lambda row: row["id"])["id"]
    sheaf.patch(f"/api/papers/{newest}/marks/", json={"read": True})
    assert new_counts(sheaf)["unread"] == 1
    sheaf.delete(f"/api/papers/{newest}/")
    assert new_counts(sheaf)["all"] == 9
    # A newer version of an old paper is not new.
    sheaf.delivered(call([paper(1, version=2, title="Anew")], "arxiv-3"))
    assert new_counts(sheaf)["all"] == 9
    for row in sheaf.json(SEARCHES)["results"]:
        seen = sheaf.post(f"{SEARCHES}{row['id']}/seen/").json()
        assert seen["new_count"] == 0
        assert seen["seen_at"] > row["seen_at"]
    assert new_counts(sheaf) == zero


def test_new_count_is_that_of_the_list(sheaf):
    """created_after of the list, just behind seen_at, gives the same papers."""
    made = save(sheaf, "all")
    sheaf.delivered(call(papers.papers(1, 7)))
    count = sheaf.json(SEARCHES)["results"][0]["new_count"]
    listed = sheaf.json("/api/papers/", params={
        "created_after": made["seen_at"]})
    assert count == listed["count"] == 7


@pytest.mark.timeout(60)
def test_many_arrive(sheaf):
    """Up to a thousand are counted one by one, more of them otherwise; one
    search has seen most of them."""
    filters = {"all": {}, "llm": {"category": "llm"}, "tag": {"tag": "tag1"},
               "words": {"search": "reinforcement"}, "few": {"ids": "1,2,1004"},
               "unread": {"read": "false"}, "both": {
                   "search": "images or speech", "category": "audio"}}
    for name, some in filters.items():
        save(sheaf, name, **some)
    made = {row["name"]: row["seen_at"]
            for row in sheaf.json(SEARCHES)["results"]}
    for start, end in (1, 501), (501, 1001), (1001, 1006):
        sheaf.delivered(call(papers.papers(start, end - start),
                             f"arxiv-{start}"))
        late = save(sheaf, f"late {start}", category="cv")
        assert late["new_count"] == 0
        counts = new_counts(sheaf)
        for name, some in filters.items():
            listed = sheaf.json("/api/papers/", params={
                "created_after": made[name], **some})
            assert counts[name] == listed["count"], name
        assert counts["all"] == end - 1
    assert [n for name, n in counts.items() if "late" in name] == [101, 1, 0]


def test_seen_at_a_time(sheaf):
    path = f"{SEARCHES}{save(sheaf)['id']}/"
    sheaf.delivered(call([paper(1)]))
    sheaf.delivered(call([paper(2)], "arxiv-2"))
    first, second = sorted(row["created_at"] for row in sheaf.all_papers())
    assert sheaf.json(path)["new_count"] == 2
    seen = sheaf.post(path + "seen/", json={"at": first}).json()
    assert (seen["new_count"], seen["seen_at"]) == (1, first)
    seen = sheaf.post(path + "seen/", json={"at": second}).json()
    assert seen["new_count"] == 0
    seen = sheaf.post(path + "seen/", json={"at": first}).json()
    assert seen["seen_at"] == second, "never moved back"
    reply = sheaf.post(path + "seen/", json={"at": now_utc(3600)})
    assert reply.status_code == 400 and "at" in reply.text
    reply = sheaf.post(path + "seen/", json={"at": "yesterday"})
    assert reply.status_code == 400 and "at" in reply.text


@pytest.mark.parametrize("body,named,nearest", [
    ({}, "name", ""), ({"name": "x"}, "filters", ""),
    ({"name": "", "filters": {}}, "name", ""),
    ({"name": "   ", "filters": {}}, "name", ""),
    ({"name": "x" * 101, "filters": {}}, "name", ""),
    ({"name": 5, "filters": {}}, "name", ""),
    ({"name": "x", "filters": []}, "filters", ""),
    ({"name": "x", "filters": "category=llm"}, "filters", ""),
    ({"name": "x", "filters": {"categorie": "llm"}}, "categorie", "category"),
    ({"name": "x", "filters": {"page": 2}}, "page", ""),
    ({"name": "x", "filters": {"cursor": ""}}, "cursor", ""),
    ({"name": "x", "filters": {"min_relevance": "much"}}, "min_relevance", ""),
    ({"name": "x", "filters": {"min_relevance": 2}}, "min_relevance", ""),
    ({"name": "x", "filters": {"category": 5}}, "category", ""),
    ({"name": "x", "filters": {"category": ["llm"]}}, "category", ""),
    ({"name": "x", "filters": {"read": "perhaps"}}, "read", ""),
    ({"name": "x", "filters": {"ordering": "-titel"}}, "ordering", ""),
    ({"name": "x", "filters": {"ordering": "-rank"}}, "ordering", ""),
    ({"name": "x", "filters": {"search": "-"}}, "search", ""),
    ({"name": "x", "filters": {"ids": "1,x"}}, "ids", ""),
    ({"name": "x", "filters": {"published_after": "soon"}},
     "published_after", ""),
    ({"name": "x", "filters": {}, "seen_at": "now"}, "seen_at", ""),
])
def test_bad_search(shared_lite, body, named, nearest):
    reply = shared_lite.post(SEARCHES, json=body)
    assert reply.status_code == 400, reply.text
    assert named in reply.text and nearest in reply.text
    assert shared_lite.json(SEARCHES)["count"] == 0


def test_bad_change_changes_nothing(lite):
    made = save(lite, category="llm")
    path = f"{SEARCHES}{made['id']}/"
    reply = lite.patch(path, json={"name": "new", "filters": {"tagg": "x"}})
    assert reply.status_code == 400 and "tag" in reply.text
    assert lite.json(path) == made


def test_every_filter_can_be_saved(lite):
    lite.delivered(call(papers.papers(1, 3)))
    filters = {"category": "llm", "source": "arxiv", "tag": "transformer",
               "author": "Ann", "min_relevance": 0.1, "read": False,
               "starred": "false", "noted": False, "ids": "1,2,3",
               "published_after": "2025-01-01", "search": "language",
               "published_before": "2030-01-01T00:00:00Z",
               "created_after": "2025-01-01", "ordering": "title",
               "created_before": None}
    made = save(lite, **filters)
    assert made["filters"] == filters
    assert lite.json(SEARCHES)["results"] == [made]


def test_at_most_a_hundred(sheaf):
    for number in range(100):
        save(sheaf, f"Search {number}", category="llm")
    assert "delete one" in save(sheaf, status=409)["detail"]
    assert sheaf.json(SEARCHES)["count"] == 100


def test_writes_need_the_token_where_writing_does(make_lite):
    public = make_lite(public_url="https://desk.example")
    body = {"name": "x", "filters": {}}
    assert public.post(SEARCHES, json=body).status_code == 401
    made = public.post(SEARCHES, json=body, headers=public.bearer()).json()
    path = f"{SEARCHES}{made['id']}/"
    assert public.json(path)["name"] == "x"
    assert public.patch(path, json=body).status_code == 401
    assert public.post(path + "seen/").status_code == 401
    assert public.delete(path).status_code == 401
