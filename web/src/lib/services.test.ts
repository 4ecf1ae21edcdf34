import { describe, expect, it } from 'vitest';
import { hasService } from './services';

describe('hasService', () => {
  const session = { services: ['backend', 'web'] };

  it('goes by what the server says', () => {
    expect(hasService('backend', session, false, ['analytics'])).toBe(true);
    expect(hasService('analytics', session, false, ['analytics'])).toBe(false);
    expect(hasService('backend', session, true, undefined)).toBe(true);
  });

  it('takes what was said before until then', () => {
    expect(hasService('analytics', undefined, false, ['analytics'])).toBe(true);
    expect(hasService('backend', undefined, true, ['analytics'])).toBe(false);
  });

  it('does not know at first, and takes a silent server for a whole one', () => {
    expect(hasService('backend', undefined, false, undefined)).toBeUndefined();
    expect(hasService('backend', undefined, true, undefined)).toBe(true);
  });
});
