import { Button } from '@mantine/core';
import type { Paper } from '@/lib/api/types';
import { counted } from '@/lib/format';
import { useShortcuts } from '@/lib/keys';
import { useMark } from '../api/papers';
import { ExportMenu } from './ExportMenu';
import classes from './papers.module.css';

/** What can be done with the papers that are ticked. */
export function SelectionBar({ rows, selected, setSelected }: {
  rows: Paper[];
  selected: ReadonlySet<number>;
  setSelected: (next: ReadonlySet<number>) => void;
}) {
  const mark = useMark();
  const ids = [...selected];
  const chosen = rows.filter((paper) => selected.has(paper.id));
  const allRead = chosen.every((paper) => paper.read);
  const allStarred = chosen.every((paper) => paper.starred);
  const clear = () => { setSelected(new Set()); };

  useShortcuts([{ keys: 'Escape', label: 'Clear the selection', run: clear }]);
  return (
    <div className={classes.selection} role="toolbar" aria-label="Selected papers">
      <span className="num" aria-live="polite">{counted(ids.length, 'paper')} selected</span>
      <Button variant="default" size="xs" onClick={() => { mark({ ids, marks: { read: !allRead } }); }}>
        {allRead ? 'Mark unread' : 'Mark read'}
      </Button>
      <Button variant="default" size="xs" onClick={() => { mark({ ids, marks: { starred: !allStarred } }); }}>
        {allStarred ? 'Remove stars' : 'Star'}
      </Button>
      <ExportMenu ids={ids} />
      <Button variant="subtle" size="xs" onClick={clear}>Clear</Button>
    </div>
  );
}
