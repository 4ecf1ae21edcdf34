/** A value for Idempotency-Key; crypto.randomUUID() is not there without TLS. */
export function once(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16).padStart(2, '0')).join('');
}
