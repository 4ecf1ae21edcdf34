import { Button, Menu } from '@mantine/core';
import { exportUrl, type Filters } from '../api/papers';

const formats = { bibtex: 'BibTeX', ris: 'RIS', csv: 'CSV', jsonl: 'JSON Lines' };

/** Downloads: of what the filters show, or of `ids`. */
export function ExportMenu({ filters, ids }: { filters?: Filters; ids?: number[] }) {
  const query = ids ? { ids: ids.join(',') } : { ...filters, ordering: undefined };

  return (
    <Menu position="bottom-end" withinPortal>
      <Menu.Target><Button variant="default" size="xs">Export</Button></Menu.Target>
      <Menu.Dropdown>
        {Object.entries(formats).map(([format, name]) => (
          <Menu.Item
            key={format} component="a" download
            href={exportUrl(format, query)}
          >
            {name}
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}
