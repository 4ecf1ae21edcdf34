import { describe, expect, it } from 'vitest';
import { EventParser, readEvents, type ServerEvent } from './sse';

const text =
  ': ping\n\nevent: sources\ndata: {"sources":[]}\n\nevent: token\ndata: {"text":"Ü😀"}\n\n' +
  'data: two\ndata:lines\r\n\r\nid: 7\nretry: 5\nevent: empty\n\ndata\n\nevent: done\rdata:  {}\r\r\n';
const events: ServerEvent[] = [
  { name: 'sources', data: '{"sources":[]}' },
  { name: 'token', data: '{"text":"Ü😀"}' },
  { name: 'message', data: 'two\nlines' },
  { name: 'message', data: '' },
  { name: 'done', data: ' {}' },
];

function parse(chunks: string[]): ServerEvent[] {
  const parser = new EventParser();

  return chunks.flatMap((chunk) => parser.push(chunk));
}

async function read(chunks: Uint8Array[]): Promise<ServerEvent[]> {
  const body = new ReadableStream<Uint8Array>({
    start(control) {
      for (const chunk of chunks) control.enqueue(chunk);
      control.close();
    },
  });
  const all: ServerEvent[] = [];

  for await (const event of readEvents(body)) all.push(event);
  return all;
}

describe('server-sent events', () => {
  it('are read', () => {
    expect(parse([text])).toEqual(events);
  });
  it('are the same wherever the text is cut', () => {
    for (let i = 0; i <= text.length; i++) expect(parse([text.slice(0, i), text.slice(i)])).toEqual(events);
    expect(parse([...text])).toEqual(events);
  });
  it('are the same wherever the bytes are cut', async () => {
    const bytes = new TextEncoder().encode(text);

    expect(await read([...bytes].map((b) => Uint8Array.of(b)))).toEqual(events);
  });
  it('that are not ended are not told', () => {
    expect(parse(['data: half'])).toEqual([]);
    expect(parse(['data: half\n'])).toEqual([]);
  });
  it('may begin with a byte-order mark', () => {
    expect(parse(['\uFEFFdata: a\n\n'])).toEqual([{ name: 'message', data: 'a' }]);
  });
});
