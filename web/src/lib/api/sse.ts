/** One server-sent event. */
export interface ServerEvent {
  name: string;
  data: string;
}

/**
 * Reads a stream of server-sent events by the standard, whose text may be cut
 * anywhere: in the middle of a line, or between \r and \n.
 */
export class EventParser {
  private rest = '';
  private name = '';
  private data: string[] = [];
  private first = true;

  /** The events that are whole now. */
  push(text: string): ServerEvent[] {
    const events: ServerEvent[] = [];

    if (text === '') return events;
    this.rest += this.first ? text.replace(/^\uFEFF/, '') : text;
    this.first = false;
    for (;;) {
      const end = /\r\n|\n|\r/.exec(this.rest);

      // A \r at the very end may be half of \r\n.
      if (!end || (end[0] === '\r' && end.index + 1 === this.rest.length)) return events;
      const event = this.line(this.rest.slice(0, end.index));

      this.rest = this.rest.slice(end.index + end[0].length);
      if (event) events.push(event);
    }
  }

  private line(line: string): ServerEvent | undefined {
    if (line === '') {
      const event = { name: this.name || 'message', data: this.data.join('\n') };
      const said = this.data.length > 0;

      this.name = '';
      this.data = [];
      return said ? event : undefined;
    }

    const colon = line.indexOf(':');
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');

    if (field === 'event') this.name = value;
    else if (field === 'data') this.data.push(value);
    return undefined; // comments, ids, times to wait: nothing to this desk
  }
}

/** The events of a reply's body, as they come. */
export async function* readEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<ServerEvent> {
  const parser = new EventParser();
  const decoder = new TextDecoder();
  const reader = body.getReader();

  try {
    for (;;) {
      const { done, value } = await reader.read();

      if (done) return;
      yield* parser.push(decoder.decode(value, { stream: true }));
    }
  } finally {
    reader.releaseLock();
  }
}
