// The interface as a page, made from /openapi.json.  No library, no network
// beyond this server; text is only ever set as text.
'use strict';

const $ = (id) => document.getElementById(id);

function el(tag, props, ...children) {
  const node = document.createElement(tag);
  Object.assign(node, props);
  node.append(...children.filter((c) => c !== null && c !== undefined));
  return node;
}

function constraint(s) {
  const parts = [s.type + (s.format ? ' (' + s.format + ')' : '')];
  if (s.minimum !== undefined) parts.push(s.minimum + ' to ' + s.maximum);
  if (s.maxLength) parts.push('at most ' + s.maxLength + ' characters');
  if (s.maxItems) parts.push('at most ' + s.maxItems + ' items');
  if (s.default !== undefined) parts.push('default ' + JSON.stringify(s.default));
  return parts.join(', ');
}

function inputFor(param, schema) {
  if (schema.enum || schema.type === 'boolean') {
    const select = el('select', { ariaLabel: param.name }, el('option', { value: '', textContent: '' }));
    for (const v of schema.enum || ['true', 'false']) select.append(el('option', { value: v, textContent: v }));
    return select;
  }
  return el('input', {
    ariaLabel: param.name,
    placeholder: param.example !== undefined ? String(param.example) : '',
    value: param.in === 'path' && param.example !== undefined ? String(param.example) : '',
  });
}

function row(name, required, schema, description, input) {
  return el('tr', {},
    el('td', {}, el('code', { textContent: name, className: required ? 'must' : '' })),
    el('td', {}, description || '', el('div', { className: 'quiet', textContent: constraint(schema) }),
      schema.enum ? el('div', { className: 'quiet', textContent: schema.enum.join(' · ') }) : null),
    el('td', {}, input || ''));
}

const quote = (s) => "'" + s.replace(/'/g, "'\\''") + "'";

function bodyExample(schema) {
  const example = {};
  for (const [name, s] of Object.entries(schema.properties || {})) {
    if (s.example !== undefined) example[name] = s.example;
    else if (s.default !== undefined) example[name] = s.default;
    else if ((schema.required || []).includes(name)) {
      example[name] = { string: '', integer: 0, number: 0, boolean: false, array: [], object: {} }[s.type];
    }
  }
  return example;
}

// One -F a field of a form; a file is sent from its path.
function formFlags(schema) {
  return Object.entries(bodyExample(schema)).map(([name, value]) => '-F ' + quote(name + '='
    + (schema.properties[name].format === 'binary' ? '@' : '')
    + (typeof value === 'string' ? value : JSON.stringify(value))));
}

function curlLine(method, url, schema, isForm) {
  const parts = ['curl'];
  if (method !== 'get') parts.push('-X ' + method.toUpperCase());
  if ($('token').value) parts.push('-H ' + quote('Authorization: Bearer $TOKEN').replace(/'/g, '"'));
  if (isForm) parts.push(...formFlags(schema));
  else if (schema) parts.push("-H 'Content-Type: application/json'", '-d ' + quote(JSON.stringify(bodyExample(schema))));
  parts.push(quote(url));
  return parts.join(' ');
}

function pretty(text, type) {
  if (!/json/.test(type)) return text;
  try { return JSON.stringify(JSON.parse(text), null, 2); } catch { return text; }
}

async function send(url, out) {
  const headers = $('token').value ? { Authorization: 'Bearer ' + $('token').value } : {};
  const began = performance.now();
  out.replaceChildren(el('p', { className: 'quiet', textContent: 'Waiting…' }));
  try {
    const reply = await fetch(url, { headers });
    const text = await reply.text();
    const type = reply.headers.get('content-type') || '';
    out.replaceChildren(
      el('p', {
        className: 'status ' + (reply.ok ? 'good' : 'bad'),
        textContent: `${reply.status} ${reply.statusText} · ${type} · ${Math.round(performance.now() - began)} ms`,
      }),
      el('pre', { textContent: pretty(text.slice(0, 200000), type) || '(empty)' }));
  } catch (e) {
    out.replaceChildren(el('p', { className: 'status bad', textContent: 'No reply: ' + e.message }));
  }
}

function operation(base, path, method, op) {
  const inputs = new Map();
  const table = el('table', {});
  for (const p of op.parameters || []) {
    const input = method === 'get' ? inputFor(p, p.schema) : null;
    if (input) inputs.set(p, input);
    table.append(row(p.name, p.required, p.schema, p.description, input));
  }
  const content = (op.requestBody && op.requestBody.content) || {};
  const isForm = 'multipart/form-data' in content;
  const schema = (content['application/json'] || content['multipart/form-data'] || {}).schema;
  const fields = el('table', {});
  for (const [name, s] of Object.entries((schema && schema.properties) || {})) {
    fields.append(row(name, (schema.required || []).includes(name), s, s.description, null));
  }

  const url = () => {
    const query = new URLSearchParams();
    let target = path;
    for (const [p, input] of inputs) {
      if (p.in === 'path') target = target.replace('{' + p.name + '}', encodeURIComponent(input.value));
      else if (input.value !== '') query.set(p.name, input.value);
    }
    const text = query.toString();
    return target + (text ? '?' + text : '');
  };
  const curl = el('pre', {});
  const refresh = () => { curl.textContent = curlLine(method, base + url(), schema, isForm); };
  const out = el('div', {});
  const bar = el('div', { className: 'bar' });
  if (method === 'get') bar.append(el('button', { type: 'button', textContent: 'Send', onclick: () => send(url(), out) }));
  bar.append(el('button', {
    type: 'button', className: 'plain', textContent: 'Copy curl',
    onclick: () => navigator.clipboard && navigator.clipboard.writeText(curl.textContent),
  }));

  const inside = el('div', { className: 'inside' },
    op.description ? el('p', { textContent: op.description }) : null,
    table.rows.length ? el('h3', { textContent: 'Parameters' }) : null, table.rows.length ? table : null,
    fields.rows.length ? el('h3', { textContent: isForm ? 'Body (form)' : 'Body (JSON)' }) : null, fields.rows.length ? fields : null,
    el('h3', { textContent: 'Request' }), curl, bar, out);
  for (const [status, reply] of Object.entries(op.responses)) {
    const json = reply.content && reply.content['application/json'];
    if (json && json.example !== undefined) {
      inside.append(el('h3', { textContent: status + ' ' + reply.description }),
        el('pre', { textContent: JSON.stringify(json.example, null, 2) }));
    }
  }
  inside.append(el('p', { className: 'quiet', textContent: 'Also: ' + Object.keys(op.responses).filter((s) => s >= '400').join(', ') }));
  inside.addEventListener('input', refresh);
  $('token').addEventListener('input', refresh);
  refresh();

  return el('details', { className: 'op', id: op.operationId },
    el('summary', {},
      el('span', { className: 'method ' + method, textContent: method.toUpperCase() }),
      el('span', { className: 'path', textContent: path }),
      el('span', { textContent: op.summary || '' }),
      el('span', { className: 'policy', textContent: op['x-policy'] || '' })),
    inside);
}

function openTarget() {
  const node = location.hash && $(location.hash.slice(1));
  if (node && node.tagName === 'DETAILS') { node.open = true; node.scrollIntoView(); }
}

function show(doc) {
  const base = doc.servers[0].url;
  const groups = new Map();
  for (const [path, methods] of Object.entries(doc.paths)) {
    for (const [method, op] of Object.entries(methods)) {
      if (!op.summary) continue;
      const tag = (op.tags && op.tags[0]) || 'Other';
      if (!groups.has(tag)) groups.set(tag, []);
      groups.get(tag).push([path, method, op]);
    }
  }
  document.title = doc.info.title + ': the interface';
  $('about').textContent = doc.info.description;
  $('base').textContent = base;
  $('operations').replaceChildren();
  for (const [tag, list] of groups) {
    const section = el('section', {}, el('h2', { textContent: tag }));
    $('toc').append(el('h2', { textContent: tag }));
    for (const [path, method, op] of list) {
      section.append(operation(base, path, method, op));
      $('toc').append(el('a', { href: '#' + op.operationId, textContent: op.summary }));
    }
    $('operations').append(section);
  }
  openTarget();
}

function filter() {
  const word = $('filter').value.toLowerCase();
  for (const op of document.querySelectorAll('details.op')) {
    op.hidden = !op.querySelector('summary').textContent.toLowerCase().includes(word);
  }
  for (const section of document.querySelectorAll('section')) {
    section.hidden = !section.querySelector('details.op:not([hidden])');
  }
}

$('token').value = sessionStorage.getItem('sheaf-token') || '';
$('token').addEventListener('input', () => sessionStorage.setItem('sheaf-token', $('token').value));
$('filter').addEventListener('input', filter);
addEventListener('hashchange', openTarget);
addEventListener('keydown', (e) => {
  if (e.key === '/' && !/INPUT|SELECT/.test(e.target.tagName)) { e.preventDefault(); $('filter').focus(); }
});
fetch('/openapi.json').then((r) => r.json()).then(show).catch((e) => {
  $('operations').replaceChildren(el('p', { className: 'status bad', textContent: 'The description could not be read: ' + e.message }));
});
