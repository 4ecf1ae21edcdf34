import { counted } from '@/lib/format';
import type { Document } from '@/lib/api/types';

const kinds: Record<string, string> = {
  pdf: 'PDF', markdown: 'Markdown', html: 'Web page', text: 'Text', epub: 'EPUB', docx: 'Word',
};

/** "PDF, 17 pages" */
export function kindOf({ metadata }: Pick<Document, 'metadata'>): string {
  const kind = kinds[String(metadata.type)] ?? 'Text';

  return typeof metadata.pages === 'number' ? `${kind}, ${counted(metadata.pages, 'page')}` : kind;
}

/** Where it is from: what its source is called, else its file. */
export function placeOf({ source, metadata }: Pick<Document, 'source' | 'metadata'>): string {
  if (source !== null) return source;
  return typeof metadata.filename === 'string' ? metadata.filename : '';
}
