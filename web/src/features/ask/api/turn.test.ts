import { describe, expect, it } from 'vitest';
import { ask, ended, heard, historyOf, type Turn } from './turn';

const event = (name: string, data: unknown) => ({ name, data: JSON.stringify(data) });
const source = {
  n: 1, title: 'T', chunk_index: 0, document_id: 'doc-1', start_char: 0, end_char: 3, link: '', text: 'abc', distance: 0.5,
};
const done: Turn = { ...ask('q'), answer: 'a [1]', state: 'done', grounded: true };

describe('a turn', () => {
  it('goes from sources over tokens to done', () => {
    let turn = ask('Why?');

    expect(turn.state).toBe('searching');
    turn = heard(turn, event('sources', { sources: [source] }));
    expect(turn).toMatchObject({ state: 'writing', sources: [source] });
    turn = heard(heard(turn, event('token', { text: 'Be' })), event('token', { text: 'cause [1]' }));
    expect(turn.answer).toBe('Because [1]');
    turn = heard(turn, event('done', { question: 'Why?', answer: 'Because [1].', model: 'm', grounded: true, complete: true }));
    expect(turn).toMatchObject({ state: 'done', answer: 'Because [1].', model: 'm', sources: [source] });
    expect(ended(turn)).toBe(turn);
  });
  it('fails with what the server says, and keeps what was written', () => {
    const turn = heard({ ...ask('q'), answer: 'half' }, event('error', { error: 'the model is away' }));

    expect(turn).toMatchObject({ state: 'failed', answer: 'half', error: 'the model is away' });
  });
  it('may break off', () => {
    expect(ended({ ...ask('q'), answer: 'half' })).toMatchObject({ state: 'failed', answer: 'half' });
  });
  it('ignores what it does not know', () => {
    const turn = ask('q');

    expect(heard(turn, event('news', {}))).toBe(turn);
    expect(heard(turn, { name: 'token', data: '{' })).toBe(turn);
  });
});

describe('a history', () => {
  it('is of questions that were answered', () => {
    expect(historyOf([done, { ...done, grounded: false }, { ...ask('x'), state: 'failed' }])).toEqual([
      { role: 'user', content: 'q' }, { role: 'assistant', content: 'a [1]' },
    ]);
  });
  it('keeps to what the server takes', () => {
    const long = historyOf(Array.from({ length: 40 }, () => ({ ...done, answer: '😀'.repeat(20_001) })));

    expect(long).toHaveLength(50);
    expect(long[0]?.role).toBe('user');
    expect([...(long[1]?.content ?? '')]).toHaveLength(20_000);
  });
});
