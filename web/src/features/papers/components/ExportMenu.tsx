import { Dropdown } from '@/components/feedback/Dropdown';
import { exportUrl, type Filters } from '../api/papers';

const formats = { bibtex: 'BibTeX', ris: 'RIS', csv: 'CSV', jsonl: 'JSON Lines' };

/** Downloads: of what the filters show, or of `ids`. */
export function ExportMenu({ filters, ids }: { filters?: Filters; ids?: number[] }) {
  const query = ids ? { ids: ids.join(',') } : { ...filters, ordering: undefined };

  return (
    <Dropdown label="Export">
      {Object.entries(formats).map(([format, name]) => (
        <a key={format} href={exportUrl(format, query)} download>{name}</a>
      ))}
    </Dropdown>
  );
}
