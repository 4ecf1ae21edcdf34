import { describe, expect, it } from 'vitest';
import { splitTex } from './tex';

const shape = (text: string) => splitTex(text).map((p) => (p.tex ? `<${p.text}>` : p.text)).join('');

describe('splitTex', () => {
  it('finds inline and display mathematics', () => {
    expect(shape('a $x^2$ b')).toBe('a <x^2> b');
    expect(shape('\\(a\\) and \\[b\\] and $$c$$')).toBe('<a> and <b> and <c>');
    expect(splitTex('$$c$$')[0]?.display).toBe(true);
  });
  it('leaves money alone', () => {
    expect(shape('from $5 to $10 a month')).toBe('from $5 to $10 a month');
    expect(shape('$5$ layers')).toBe('<5> layers');
    expect(shape('$10^5$ tokens')).toBe('<10^5> tokens');
  });
  it('keeps what does not end', () => {
    expect(shape('only one $ here')).toBe('only one $ here');
    expect(shape('')).toBe('');
  });
  it('knows an escaped dollar', () => {
    expect(shape('$a \\$ b$')).toBe('<a \\$ b>');
  });
  it('reads what is type and not mathematics', () => {
    expect(shape("``agents'' are \\emph{not} 5\\% of $\\emph{x}$")).toBe('“agents” are not 5% of <\\emph{x}>');
  });
  it('is quick with many dollars', () => {
    expect(splitTex('$ '.repeat(50_000)).length).toBeGreaterThan(0);
  });
});
