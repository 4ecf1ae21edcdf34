"""Search and questions in a browser."""

import re

import pytest
from playwright.sync_api import expect

from support import documents, fake_llm, papers
from support.fake_llm import FakeLlm, delta
from support.waiting import wait_until

EVIL = {"title": "<script>alert(1)</script>",
        "text": "The \N{RIGHT-TO-LEFT OVERRIDE}password\N{POP DIRECTIONAL FORMATTING} "
                f"of the castle is <b>xyzzy</b>. {'Wort' * 90} is a long word."}


@pytest.fixture
def stocked(lite_desk):
    for document in (documents.GUIDE, documents.SOUP, EVIL):
        assert documents.add(lite_desk, document)["status"] == "completed"
    return lite_desk


@pytest.fixture
def llm():
    fake = FakeLlm()
    yield fake
    fake.close()


@pytest.fixture
def talking(make_lite, model_dir, llm):
    """A server with a fake language model and a document."""
    server = make_lite(services=documents.ALL_SERVICES, model_dir=model_dir,
                       llm_url=llm.url, llm_model="some-model")
    documents.add(server, documents.GUIDE)
    return server


def box(page):
    return page.get_by_label("Words or a question")


def ask(page, server, question):
    page.goto(server.url + "/app/ask")
    box(page).fill(question)
    page.get_by_role("button", name="Ask", exact=True).click()
    return page.get_by_role("article", name=question)


def answer(turn):
    return turn.get_by_role("group", name="Answer")


def pane(page):
    return page.get_by_role("complementary")


# -- questions ---------------------------------------------------------------------

def test_ask_and_open_a_citation(stocked, page, axe, shots):
    """Drawn: ask, and see where the answer is from."""
    turn = ask(page, stocked, "How do I deploy an application to Kubernetes?")
    cite = turn.get_by_role("button", name="Source 1: Kubernetes Guide").first
    expect(cite).to_be_visible()
    expect(turn.get_by_text("Answer from")).to_be_visible()
    axe.check(page)
    shots.take(page, "ask-answer")

    cite.hover()
    expect(page.get_by_role("tooltip")).to_contain_text("kubectl apply")
    cite.click()

    expect(pane(page).locator("mark")).to_contain_text("Deployment manifest")
    axe.check(page)
    shots.take(page, "ask-source")
    pane(page).get_by_role("link", name="Open in its document").click()
    expect(page.locator("mark").first).to_be_in_viewport()
    page.go_back()
    expect(pane(page).locator("mark")).to_be_visible()
    page.keyboard.press("Escape")
    expect(pane(page)).to_have_count(0)
    expect(cite).to_be_visible()


def test_not_enough_evidence(stocked, page, axe, shots):
    turn = ask(page, stocked, "Who won the world cup of 1954?")
    expect(turn.get_by_text("not enough evidence")).to_be_visible()
    expect(turn.get_by_role("heading", name="The nearest passages")).to_be_visible()
    assert turn.get_by_role("listitem").count() <= 3
    axe.check(page)
    shots.take(page, "ask-thin")


def test_stop_keeps_what_was_written(talking, llm, page):
    llm.play = fake_llm.stalls(fake_llm.FIRST, delta("Write a manifest [1]"))
    turn = ask(page, talking, "How do I deploy?")
    expect(answer(turn).get_by_text("Write a manifest")).to_be_visible()
    turn.get_by_role("button", name="Stop").click()
    expect(turn.get_by_text("Stopped")).to_be_visible()
    expect(answer(turn).get_by_text("Write a manifest")).to_be_visible()
    assert llm.left.wait(10)  # the model is not asked for the rest

    llm.play = fake_llm.says("With kubectl apply. [1]")
    turn.get_by_role("button", name="Ask again").click()
    expect(answer(turn).get_by_text("With kubectl apply.")).to_be_visible()
    expect(answer(turn).get_by_text("Write a manifest")).to_have_count(0)


def test_an_answer_comes_word_by_word(talking, llm, page):
    llm.play = fake_llm.steps(
        fake_llm.FIRST + delta("With `items[0]` and "), delta("**kubectl** [1]."),
        delta("", "stop") + fake_llm.DONE)
    turn = ask(page, talking, "How do I deploy?")
    expect(answer(turn)).to_contain_text("With")
    llm.step()
    expect(answer(turn).locator("strong", has_text="kubectl")).to_be_visible()
    llm.step()
    expect(turn.get_by_text("Answer from 1 passage · fake-1")).to_be_visible()
    expect(answer(turn).locator("code")).to_have_text("items[0]")
    expect(turn.get_by_role("button", name=re.compile("^Source 1"))).to_have_count(1)


def test_a_model_that_breaks_off(talking, llm, page):
    llm.play = fake_llm.breaks(fake_llm.FIRST, delta("Half an answer [1] "))
    turn = ask(page, talking, "How do I deploy?")
    expect(answer(turn).get_by_text("Half an answer")).to_be_visible()
    expect(turn.get_by_text("broke off")).to_be_visible()


def test_ask_on(talking, llm, page):
    """What was said before goes along, and all of it stays to be seen."""
    llm.play = fake_llm.says("With a manifest. [1]")
    first = ask(page, talking, "How do I deploy?")
    expect(answer(first).get_by_text("With a manifest.")).to_be_visible()
    llm.play = fake_llm.says("With kubectl delete. [1]")
    page.get_by_label("Ask on").fill("And how do I undo it?")
    page.keyboard.press("Enter")
    second = page.get_by_role("article", name="And how do I undo it?")
    expect(answer(second).get_by_text("With kubectl delete.")).to_be_visible()
    expect(answer(first).get_by_text("With a manifest.")).to_be_visible()
    said = str(llm.requests[-1].body)
    assert "How do I deploy?" in said and "With a manifest." in said


def test_history_stays_in_this_browser(stocked, page, axe):
    question = "How do I deploy an application to Kubernetes?"
    turn = ask(page, stocked, question)
    expect(turn.get_by_text("Answer from")).to_be_visible()
    said = turn.inner_text()
    page.reload()
    expect(turn.get_by_text("Answer from")).to_be_visible()
    assert turn.inner_text() == said  # its time too: it was not asked again
    page.goto(stocked.url + "/app/ask")
    expect(page.get_by_role("link", name=question)).to_be_visible()
    axe.check(page)
    page.get_by_role("link", name=question).click()
    expect(turn.get_by_text("Answer from")).to_be_visible()
    page.goto(stocked.url + "/app/ask")
    page.get_by_role("button", name=f"Forget {question}").click()
    expect(page.get_by_role("link", name=question)).to_have_count(0)
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("link", name=question)).to_be_visible()
    page.get_by_role("button", name="Forget all").click()
    page.reload()
    expect(page.get_by_text("Find a passage, or ask.")).to_be_visible()
    expect(page.get_by_role("link", name=question)).to_have_count(0)


def test_two_windows_have_one_history(stocked, page):
    ask(page, stocked, "What is soup?")
    expect(page.get_by_role("button", name="Ask again")).to_be_visible()
    other = page.context.new_page()
    ask(other, stocked, "What is a Service?")
    expect(other.get_by_role("button", name="Ask again")).to_be_visible()
    page.get_by_role("link", name="Ask", exact=True).click()
    expect(page.get_by_role("link", name="What is a Service?")).to_be_visible()
    page.get_by_role("button", name="Forget What is soup?").click()
    other.get_by_role("link", name="Ask", exact=True).click()
    expect(other.get_by_role("link", name="What is a Service?")).to_be_visible()
    expect(other.get_by_role("link", name="What is soup?")).to_have_count(0)


def test_copy_with_citations(stocked, pages):
    page = pages(permissions=["clipboard-read", "clipboard-write"])
    turn = ask(page, stocked, "How do I deploy an application to Kubernetes?")
    turn.get_by_role("button", name="Copy with citations").click()
    expect(page.get_by_text("Copied, with its sources.")).to_be_visible()
    text = page.evaluate("navigator.clipboard.readText()")
    assert "[1] Kubernetes Guide" in text
    assert f"{stocked.url}/app/documents/doc-" in text


def test_ask_about_one_document(stocked, page):
    soup = next(d for d in documents.documents(stocked) if d["title"] == "Soup")
    page.goto(f"{stocked.url}/app/documents/{soup['id']}")
    page.get_by_role("link", name="Ask about it").click()
    expect(page.get_by_text("Only in Soup")).to_be_visible()
    box(page).fill("kubernetes")
    page.keyboard.press("Enter")
    found = page.get_by_role("region", name="In documents")
    expect(found.get_by_role("link", name="Soup")).to_be_visible()
    expect(found.get_by_role("link", name="Kubernetes Guide")).to_have_count(0)
    page.get_by_role("button", name="Look everywhere").click()
    expect(found.get_by_role("link", name="Kubernetes Guide")).to_be_visible()


# -- search ------------------------------------------------------------------------

def test_search(stocked, page, axe, shots):
    stocked.delivered(papers.call(papers.papers(1, 5)))
    page.goto(stocked.url + "/app/ask")
    expect(page.get_by_text("Find a passage, or ask.")).to_be_visible()
    axe.check(page)
    shots.take(page, "ask-empty")
    box(page).fill("deploy with a manifest")
    page.keyboard.press("Enter")
    found = page.get_by_role("region", name="In documents")
    expect(found.get_by_role("link", name="Kubernetes Guide")).to_be_visible()
    expect(found.locator("mark").first).to_contain_text("Deployment manifest")
    expect(found.get_by_text("cosine").first).to_be_visible()
    axe.check(page)
    shots.take(page, "ask-search")
    page.get_by_role("combobox", name="In", exact=True).select_option("papers")
    expect(found).to_have_count(0)
    expect(page).to_have_url(re.compile("in=papers"))
    page.get_by_role("combobox", name="In", exact=True).select_option("portfolio_documents")
    page.get_by_role("combobox", name="By", exact=True).select_option("keyword")
    expect(page).to_have_url(re.compile("mode=keyword"))
    page.reload()
    expect(page.get_by_role("link", name="Kubernetes Guide")).to_be_visible()


def test_text_is_never_markup(stocked, page):
    page.goto(stocked.url + "/app/ask?q=password+of+the+castle")
    found = page.get_by_role("region", name="In documents")
    expect(found.get_by_text("<script>alert(1)</script>")).to_be_visible()
    expect(found.get_by_text("<b>xyzzy</b>")).to_be_visible()
    assert found.locator("b").count() == 0


def test_keyboard_alone(stocked, pages, page):
    """From the box at the top to a source of the answer."""
    pages.may_say("400")  # "How" alone is no search for papers
    page.goto(stocked.url + "/app/documents")
    page.keyboard.press("/")
    page.keyboard.type("How do I deploy an application to Kubernetes?")
    page.keyboard.press("Enter")
    turn = page.get_by_role("article")
    expect(turn.get_by_text("Answer from")).to_be_visible()
    page.get_by_role("main").focus()
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(pane(page)).to_be_visible()
    page.keyboard.press("Escape")
    expect(pane(page)).to_have_count(0)


def test_phone(stocked, pages, axe):
    """A source is a page of its own there, and nothing is wider than it."""
    page = pages(viewport={"width": 390, "height": 844}, has_touch=True,
                 color_scheme="dark")
    turn = ask(page, stocked, "How do I deploy an application to Kubernetes?")
    turn.get_by_role("button", name=re.compile("^Source 1")).first.tap()
    expect(pane(page).locator("mark")).to_be_visible()
    expect(turn).to_be_hidden()
    axe.check(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.get_by_role("button", name="Close (Esc)").tap()
    expect(turn).to_be_visible()


def test_a_search_that_fails_in_part(stocked, page, pages):
    """What could be found is shown; the rest says why, and can be tried again."""
    pages.may_say("503")
    page.route("**/query?*collection=papers*", lambda route: route.fulfill(
        status=503, json={"error": "papers are being embedded again"}))
    page.goto(stocked.url + "/app/ask?q=deploy")
    expect(page.get_by_role("link", name="Kubernetes Guide")).to_be_visible()
    expect(page.get_by_text("papers are being embedded again")).to_be_visible()
    page.unroute("**/query?*collection=papers*")
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_text("papers are being embedded again")).to_have_count(0)


def test_without_the_model(make_lite, page, pages, box):
    """Words are found without one; a search by meaning says why not."""
    pages.may_say("503")
    server = documents.without_model(make_lite, box)
    page.goto(server.url + "/app/ask?q=soup&mode=semantic&in=portfolio_documents")
    expect(page.get_by_role("alert")).to_contain_text("did not work")
