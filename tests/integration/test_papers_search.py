"""search=: words, "phrases", -not, in every script, on both databases alike."""

import pytest

from support import papers
from support.papers import call, paper


def found(server, text, **more):
    listed = server.json("/api/papers/", params={
        "search": text, "page_size": 100, **more})
    assert listed["count"] >= len(listed["results"])
    return {p["source_id"] for p in listed["results"]}


ZEBRA = {"2501.90005", "2501.90006"}

CASES = [
    ("zebra", ZEBRA),
    ("ZEBRA", ZEBRA),
    ("zebra street", {"2501.90005"}),
    ("street zebra", {"2501.90005"}),
    ('"zebra crossing"', {"2501.90005"}),
    ('"crossing the zebra"', {"2501.90006"}),
    ('"crossing zebra"', set()),
    ("zebra -horse", {"2501.90005"}),
    ('zebra -"zebra crossing"', {"2501.90006"}),
    ("zebra -crossing", set()),
    ("quagga", {"2501.90006"}),
    ("zebr", set()),
    ("detector", {"2501.90005"}),
    ("大規模言語", {"2501.90001"}),
    ("言語モデル", {"2501.90001"}),
    ("检索增强", {"2501.90001"}),
    ("検索", set()),
    ("检索", {"2501.90001"}),
    ("評価", {"2501.90001"}),
    ("法", {"2501.90001"}),
    ('"检索增强生成"', {"2501.90001"}),
    ("zebra -检索", ZEBRA),
    ("评价", set()),
    ("评", set()),
    ("شبكات", {"2501.90004"}),
    ("اليسار", {"2501.90004"}),
    ("divergence", {"2501.90002"}),
    ("alpha", {"2501.90002"}),
    ("ampersands", {"2501.90003"}),
    ("café", {"2501.90008"}),
    ("cafe", {"2501.90008"}),
    ("Godel", {"2501.90008"}),
    (papers.LONG_WORD, {"2501.90007"}),
]


@pytest.mark.parametrize("text,wanted", CASES, ids=[
    text[:30] for text, _ in CASES])
def test_search(library, text, wanted):
    assert found(library, text) == wanted


# Texts that mean something to a query language below us, and nothing here.
HOSTILE = [
    '"', '""', '"zebra', 'zebra"', "zebra AND horse", "zebra OR horse",
    "zebra NOT horse", "NEAR(zebra horse)", "title:zebra", "zebra*", "*",
    "zebra^2", "(zebra", "zebra)", "{zebra}", "zebra; DROP TABLE papers",
    "'", "''", "zebra'", "zebra & horse", "zebra | horse", "!zebra", "a:b",
    "zebra <-> horse", "\\", "zebra\\", "%", "_", "$$", "\t\n", "😀",
    "zebra 😀", "-zebra", "--zebra", "- zebra", "zebra -", "+zebra", "...",
    "\u202ezebra", "zebra\u200bhorse", "x" * 1000, "zebra " * 100,
    " ".join(f"w{n}" for n in range(150)),
]


@pytest.mark.parametrize("text", HOSTILE, ids=lambda t: repr(t)[:24])
def test_hostile_text_never_breaks(library, text):
    """Any text gives a list or a 400 that names search, never a 500."""
    reply = library.get("/api/papers/", params={"search": text})
    assert reply.status_code in (200, 400), reply.text
    if reply.status_code == 400:
        assert "search" in reply.text
    assert library.json("/api/papers/")["count"] == len(library.made)


def test_words_of_query_languages_are_words(library):
    assert found(library, "street OR quagga") == set()
    assert found(library, "zebra NOT horse") == {"2501.90006"}
    assert found(library, "zebra AND street") == {"2501.90005"}
    assert found(library, "not a horse") == {"2501.90006"}


def test_only_exclusions(library):
    """-word alone is everything without that word."""
    everything = {p["source_id"] for p in library.made}
    rows = library.all_papers(search="-zebra")
    assert {p["source_id"] for p in rows} == everything - ZEBRA


def test_search_with_filters_and_order(library):
    wanted = [p["source_id"] for p in library.made
              if p["category"] == "rag"
              and "Retrieval augmented" in p["abstract"]]
    listed = library.json("/api/papers/", params={
        "search": '"retrieval augmented"', "category": "rag",
        "ordering": "published_at", "page_size": 100})
    assert [p["source_id"] for p in listed["results"]] == wanted[::-1]


def test_pages_of_a_search(library):
    first = library.json("/api/papers/", params={
        "search": "attention", "page_size": 5})
    assert first["count"] == sum("attention" in p["abstract"]
                                 for p in library.made)
    seen, page = list(first["results"]), first
    while page["next"]:
        page = library.session().get(page["next"], timeout=10).json()
        seen += page["results"]
    assert len({p["id"] for p in seen}) == first["count"]


def test_cursor_of_a_search(library):
    rows = library.all_papers(search="attention", page_size=4)
    assert len({p["id"] for p in rows}) == len(rows) == sum(
        "attention" in p["abstract"] for p in library.made)


def test_deleted_papers_are_not_found(sheaf):
    sheaf.delivered(call([paper(1, title="The axolotl paper")]))
    row = sheaf.json("/api/papers/?search=axolotl")["results"][0]
    sheaf.delete(f"/api/papers/{row['id']}/")
    assert found(sheaf, "axolotl") == set()
    sheaf.post(f"/api/papers/{row['id']}/restore/")
    assert found(sheaf, "axolotl") == {"2501.00001"}


# -- while somebody types -----------------------------------------------------

def test_a_word_that_is_being_typed(library):
    whole = {p["source_id"] for p in library.all_papers(search="transformer")}
    assert whole
    for typed in ("tra", "transf", "transformi", "transformers"):
        found = library.all_papers(search=typed, prefix="true")
        assert whole <= {p["source_id"] for p in found}, typed
    for asked in ({"search": "transf"}, {"search": "transf",
                                         "prefix": "false"}):
        assert library.all_papers(**asked) == []
    ranked = library.json("/api/papers/", params={
        "search": "vision transf", "prefix": "1", "ordering": "-rank",
        "page_size": 5})
    assert ranked["results"]
    for typed in ("the", "How", "??", "-"):  # no word yet
        for ordering in ("-rank", "title"):
            assert library.all_papers(search=typed, prefix="true",
                                      ordering=ordering) == []
    reply = library.get("/api/papers/?prefix=perhaps")
    assert reply.status_code == 400 and "prefix" in reply.text
