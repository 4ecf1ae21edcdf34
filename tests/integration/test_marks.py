"""Marks: read, starred and a note, one paper or many at once; as filters; and
exactly the papers that somebody has selected."""

import json

import pytest

from support import papers
from support.papers import call, paper


def stocked(sheaf, count=6):
    """A server with papers; their numbers, newest first."""
    sheaf.delivered(call(papers.papers(1, count)))
    return [row["id"] for row in sheaf.json("/api/papers/")["results"]]


def mark(sheaf, number, status=200, **change):
    reply = sheaf.patch(f"/api/papers/{number}/marks/", json=change)
    assert reply.status_code == status, reply.text
    return reply.json()


def listed(sheaf, **query):
    page = sheaf.json("/api/papers/", params=query)
    assert page["count"] == len(page["results"])
    return [row["id"] for row in page["results"]]


def test_mark_a_paper(sheaf):
    one, two = stocked(sheaf, 2)
    row = sheaf.json("/api/papers/")["results"][0]
    assert (row["read"], row["starred"], row["has_note"]) == (False,) * 3
    assert "note" not in row
    answer = mark(sheaf, one, read=True)
    assert answer == {"id": one, "read": True, "starred": False,
                      "has_note": False, "note": None,
                      "marked_at": answer["marked_at"]}
    answer = mark(sheaf, one, starred=True, note="**See** 看\n")
    assert answer["read"] and answer["starred"] and answer["has_note"]
    assert answer["note"] == "**See** 看\n"
    shown = sheaf.json(f"/api/papers/{one}/")
    assert {key: shown[key] for key in answer} == answer
    assert list(shown)[:len(row)] == list(row)
    row = sheaf.json("/api/papers/")["results"][0]
    assert row["read"] and row["starred"] and row["has_note"]
    assert "note" not in row
    assert not sheaf.json(f"/api/papers/{two}/")["read"]
    assert mark(sheaf, one, note="", read=False)["note"] is None
    assert not sheaf.json("/api/papers/")["results"][0]["has_note"]
    near = sheaf.json(f"/api/papers/{two}/similar/")["results"]
    assert [p["starred"] for p in near if p["id"] == one] == [True]
    lines = sheaf.get("/api/papers/export/?format=jsonl").text.splitlines()
    assert [json.loads(line)["starred"] for line in lines] == [True, False]


def test_marks_survive_a_restart_and_a_scrape(sheaf):
    one, _ = stocked(sheaf, 2)
    mark(sheaf, one, starred=True, note="mine")
    sheaf.delivered(call([paper(1, version=2, title="A new title")],
                         "arxiv-2"))
    sheaf.restart()
    shown = sheaf.json(f"/api/papers/{one}/")
    assert shown["title"] == "A new title"
    assert (shown["starred"], shown["note"]) == (True, "mine")


def test_filters_by_mark(sheaf):
    numbers = stocked(sheaf, 6)
    for number in numbers[:3]:
        mark(sheaf, number, read=True)
    mark(sheaf, numbers[2], starred=True)
    mark(sheaf, numbers[4], starred=True, note="n")
    assert listed(sheaf, read="true") == numbers[:3]
    assert listed(sheaf, read="false") == numbers[3:]
    assert listed(sheaf, starred="true") == [numbers[2], numbers[4]]
    assert listed(sheaf, starred="true", read="false") == [numbers[4]]
    assert listed(sheaf, noted="true") == [numbers[4]]
    assert listed(sheaf, noted="false", starred="true") == [numbers[2]]
    assert listed(sheaf, starred="true", search="paper",
                  ordering="-rank") in ([numbers[2], numbers[4]],
                                        [numbers[4], numbers[2]])
    bib = sheaf.get("/api/papers/export/?format=ris&starred=true").text
    assert bib.count("TY  - ") == 2
    rows = sheaf.all_papers(read="false", page_size=2)
    assert [row["id"] for row in rows] == numbers[3:]


def test_a_kept_reply_is_not_shown_after_a_mark(sheaf):
    numbers = stocked(sheaf, 4)
    for done, number in enumerate(numbers):
        for _ in range(2):
            assert len(listed(sheaf, read="false")) == 4 - done
            rows = sheaf.json("/api/papers/")["results"]
            assert sum(row["read"] for row in rows) == done
        mark(sheaf, number, read=True)
    assert listed(sheaf, read="false") == []


def test_bulk(sheaf):
    numbers = stocked(sheaf, 5)
    reply = sheaf.post("/api/papers/marks/", json={
        "ids": [*numbers[:3], 99999], "read": True})
    assert reply.status_code == 200
    assert reply.json() == {"marked": 3, "missing": [99999]}
    assert listed(sheaf, read="true") == numbers[:3]
    reply = sheaf.post("/api/papers/marks/", json={
        "ids": numbers * 100, "starred": True, "read": False})
    assert reply.json() == {"marked": 500, "missing": []}
    assert listed(sheaf, starred="true", read="false") == numbers


def test_deleted_papers_keep_their_marks(sheaf):
    one, two = stocked(sheaf, 2)
    mark(sheaf, one, starred=True, note="mine")
    sheaf.delete(f"/api/papers/{one}/")
    assert listed(sheaf, starred="true") == []
    assert mark(sheaf, one, status=404, read=True) == {"detail": "Not found."}
    reply = sheaf.post("/api/papers/marks/", json={"ids": [one, two],
                                                   "read": True})
    assert reply.json() == {"marked": 1, "missing": [one]}
    back = sheaf.post(f"/api/papers/{one}/restore/").json()
    assert (back["starred"], back["note"], back["read"]) == (True, "mine",
                                                             False)
    assert listed(sheaf, starred="true") == [one]


@pytest.mark.parametrize("body,named", [
    ({}, "nothing to change"), ({"read": "yes"}, "read"),
    ({"starred": 1}, "starred"), ({"note": 5}, "note"),
    ({"note": "x" * 20001}, "note"), ({"note": "a\0b"}, "NUL"),
    ({"stared": True}, "starred"), ({"read": None}, "nothing to change"),
])
def test_bad_mark_changes_nothing(shared_lite, body, named):
    number = shared_lite.json("/api/papers/")["results"][0]["id"]
    mark(shared_lite, number, note="kept")
    reply = shared_lite.patch(f"/api/papers/{number}/marks/", json=body)
    assert reply.status_code == 400, reply.text
    assert named in reply.text
    assert shared_lite.json(f"/api/papers/{number}/")["note"] == "kept"


def test_longest_note(shared_lite):
    """20,000 characters of four bytes, each written as two escapes."""
    number = shared_lite.json("/api/papers/")["results"][0]["id"]
    body = json.dumps({"note": "\U0001F600" * 20000})
    assert len(body) > 240000
    reply = shared_lite.patch(f"/api/papers/{number}/marks/", data=body,
                              headers={"Content-Type": "application/json"})
    assert reply.status_code == 200, reply.text
    assert shared_lite.json(f"/api/papers/{number}/")["note"] \
        == "\U0001F600" * 20000


@pytest.mark.parametrize("body,named", [
    ({"read": True}, "ids"), ({"ids": [], "read": True}, "ids"),
    ({"ids": 1, "read": True}, "ids"), ({"ids": [1, "2"], "read": True},
                                        "ids[1]"),
    ({"ids": [0], "read": True}, "ids[0]"),
    ({"ids": [1.5], "read": True}, "ids[0]"),
    ({"ids": [1] * 501, "read": True}, "ids"), ({"ids": [1]}, "nothing"),
    ({"ids": [1], "note": "x"}, "note"),
])
def test_bad_bulk(shared_lite, body, named):
    reply = shared_lite.post("/api/papers/marks/", json=body)
    assert reply.status_code == 400, reply.text
    assert named in reply.text


def test_unknown_paper(shared_lite):
    assert mark(shared_lite, 987654, status=404,
                read=True) == {"detail": "Not found."}


# -- a note is for its writer -------------------------------------------------

def test_notes_need_the_token_where_writing_does(make_lite):
    public = make_lite(public_url="https://desk.example")
    public.delivered(call([paper(1)]))
    number = public.json("/api/papers/")["results"][0]["id"]
    path = f"/api/papers/{number}/"
    reply = public.patch(path + "marks/", json={"note": "private"})
    assert reply.status_code == 401
    reply = public.post("/api/papers/marks/", json={"ids": [number],
                                                    "read": True})
    assert reply.status_code == 401
    reply = public.patch(path + "marks/", json={"note": "private"},
                         headers=public.bearer())
    assert reply.json()["note"] == "private"
    assert public.json(path)["note"] is None
    assert public.json(path)["has_note"] is True
    assert public.json(path, headers=public.bearer())["note"] == "private"
    assert "private" not in public.get("/api/papers/").text


# -- a selection --------------------------------------------------------------

def test_selection(sheaf):
    numbers = stocked(sheaf, 6)
    some = [numbers[4], numbers[1], 99999, numbers[2]]
    text = ",".join(map(str, some))
    assert listed(sheaf, ids=text) == [numbers[1], numbers[2], numbers[4]]
    assert listed(sheaf, ids=text, ordering="published_at") \
        == [numbers[4], numbers[2], numbers[1]]
    assert listed(sheaf, ids=f" {numbers[0]} , {numbers[0]}") == [numbers[0]]
    lines = sheaf.get("/api/papers/export/", params={
        "format": "jsonl", "ids": text}).text.splitlines()
    assert [json.loads(line)["id"] for line in lines] \
        == [numbers[1], numbers[2], numbers[4]]
    many = ",".join(map(str, [*numbers, *range(10000, 10994)]))
    assert listed(sheaf, ids=many) == numbers


@pytest.mark.parametrize("ids", ["x", "1,", "1,,2", ",", "1;2", "1.5",
                                 "99999999999999999999",
                                 ",".join(["1"] * 1001)])
def test_bad_selection(shared_lite, ids):
    reply = shared_lite.get("/api/papers/", params={"ids": ids})
    assert reply.status_code == 400, reply.text
    assert "ids" in reply.text


# -- by arrival ---------------------------------------------------------------

def test_what_came_since(sheaf):
    stocked(sheaf, 3)
    seen = max(row["created_at"] for row in sheaf.all_papers())
    sheaf.delivered(call([paper(11), paper(12)], "arxiv-2"))
    came = [row for row in sheaf.all_papers() if row["created_at"] > seen]
    rows = sheaf.json("/api/papers/", params={
        "created_after": min(row["created_at"] for row in came),
        "ordering": "-relevance_score"})["results"]
    assert [row["source_id"] for row in rows] == ["2501.00012", "2501.00011"]
    rows = sheaf.all_papers(created_before=seen)
    assert len(rows) == 3
