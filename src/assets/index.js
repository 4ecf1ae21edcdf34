// The desk's first page: latest papers, search, categories, running jobs.
// Texts of papers are put in as text, never as markup.
'use strict';

const byId = (id) => document.getElementById(id);
const state = { search: '', category: '', next: null, turn: 0 };

function make(tag, text, more) {
  const node = Object.assign(document.createElement(tag), more);
  if (text) node.textContent = text;
  return node;
}

async function getJson(url) {
  const reply = await fetch(url, { headers: { Accept: 'application/json' } });
  const body = await reply.json().catch(() => ({}));
  if (reply.status === 401) throw new Error('This server is private: log in first.');
  if (!reply.ok) throw new Error(body.detail || body.error || `Error ${reply.status}`);
  return body;
}

// Only the two schemes that a paper's link may have.
function webUrl(text) {
  return /^https?:\/\//i.test(text || '') ? text : null;
}

function link(text, url) {
  const safe = webUrl(url);
  return safe ? make('a', text, { href: safe, rel: 'noreferrer' }) : make('span', text);
}

function byline(paper) {
  const names = paper.author_list;
  const shown = names.slice(0, 6).join(', ');
  return names.length > 6 ? `${shown} and ${names.length - 6} more` : shown;
}

function card(paper) {
  const item = make('li');
  const title = make('h2');
  title.append(link(paper.title, paper.url));
  const facts = [paper.category, `relevance ${paper.relevance_score}`];
  if (paper.published_at) facts.unshift(paper.published_at.slice(0, 10));
  const line = make('p', facts.concat(paper.tags.slice(0, 4)).join(' · '), { className: 'facts' });
  if (webUrl(paper.pdf_url)) line.append(' · ', link('PDF', paper.pdf_url));
  item.append(title, make('p', byline(paper), { className: 'by' }), line);
  if (paper.abstract) {
    const more = make('details');
    more.append(make('summary', 'Abstract'), make('p', paper.abstract));
    item.append(more);
  }
  return item;
}

function fail(error) {
  byId('status').textContent = error.message;
}

// A later request makes an earlier answer void.
async function load(url, fresh) {
  const turn = ++state.turn;
  byId('more').disabled = true;
  try {
    const page = await getJson(url);
    if (turn !== state.turn) return;
    if (fresh) byId('papers').replaceChildren();
    byId('papers').append(...page.results.map(card));
    state.next = page.next && new URL(page.next).pathname + new URL(page.next).search;
    byId('more').hidden = !state.next;
    const what = state.search || state.category ? ' found' : '';
    if (page.count !== null) {
      byId('status').textContent = page.count === 0 && !what
        ? 'No papers yet. POST /scrape fetches some; see API.'
        : `${page.count.toLocaleString()} ${page.count === 1 ? 'paper' : 'papers'}${what}`;
    }
  } catch (error) {
    if (turn === state.turn) fail(error);
  } finally {
    byId('more').disabled = false;
  }
}

function show() {
  const query = new URLSearchParams();
  if (state.search) query.set('search', state.search);
  if (state.category) query.set('category', state.category);
  const text = query.toString();
  history.replaceState(null, '', text ? `?${text}` : location.pathname);
  return load(`/api/papers/${text ? `?${text}` : ''}`, true);
}

async function showCategories() {
  const stats = await getJson('/api/stats/papers/');
  const buttons = stats.categories.map(({ category, count }) => {
    const button = make('button', `${category} ${count.toLocaleString()}`, { type: 'button' });
    button.setAttribute('aria-pressed', String(category === state.category));
    button.addEventListener('click', () => {
      const pressed = state.category === category;
      state.category = pressed ? '' : category;
      for (const other of buttons) {
        other.setAttribute('aria-pressed', String(other === button && !pressed));
      }
      show();
    });
    return button;
  });
  byId('categories').replaceChildren(...buttons);
}

async function showJobs() {
  const page = await getJson('/jobs/?status=running');
  byId('jobs').hidden = page.count === 0;
  byId('jobs').textContent = `Working: ${page.results
    .map((job) => `${job.job_id} (${Math.round(job.progress)} %)`).join(', ')}`;
}

byId('search').addEventListener('submit', (event) => {
  event.preventDefault();
  state.search = byId('words').value.trim();
  show();
});
byId('more').addEventListener('click', () => load(state.next, false));

const asked = new URLSearchParams(location.search);
state.search = asked.get('search') || '';
state.category = asked.get('category') || '';
byId('words').value = state.search;
show();
showCategories().catch(fail);
showJobs().catch(() => { byId('jobs').hidden = true; });
