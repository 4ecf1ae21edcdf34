/** Where a passage is read: its document, at the passage. */
export function passageLink(at: Record<string, unknown>): string {
  const range = new URLSearchParams();

  if (typeof at.start_char === 'number') range.set('from', String(at.start_char));
  if (typeof at.end_char === 'number') range.set('to', String(at.end_char));
  return `/documents/${encodeURIComponent(String(at.document_id))}?${range.toString()}`;
}
