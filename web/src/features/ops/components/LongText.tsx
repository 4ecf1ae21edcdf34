import { Button } from '@mantine/core';
import { useState } from 'react';
import { toast } from '@/components/feedback/toasts';
import { copy } from '@/lib/clipboard';
import { count } from '@/lib/format';
import classes from './ops.module.css';

const shown = 20_000;

/** JSON as a person reads it; anything else as it is. */
export function pretty(body: unknown): string {
  if (typeof body !== 'string') return JSON.stringify(body, null, 2);
  try {
    return JSON.stringify(JSON.parse(body), null, 2);
  } catch {
    return body;
  }
}

/** What went over the wire: text, never markup; its beginning when it is long. */
export function LongText({ label, body }: { label: string; body: unknown }) {
  const [all, setAll] = useState(false);
  const text = pretty(body);
  const cut = !all && text.length > shown;

  return (
    <div>
      <div className={classes.textBar}>
        <h3>{label}</h3>
        <Button
          variant="subtle" color="gray" size="compact-sm"
          onClick={() => void copy(text).then((done) => { toast(done ? 'Copied.' : 'The browser does not let this page copy.'); })}
        >
          Copy
        </Button>
      </div>
      {/* It scrolls, so the keyboard must reach it. */}
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
      <pre className={classes.text} tabIndex={0} role="region" aria-label={label}>{cut ? text.slice(0, shown) : text}</pre>
      {cut && (
        <Button variant="subtle" size="compact-sm" onClick={() => { setAll(true); }}>
          Show all {count(text.length)} characters
        </Button>
      )}
    </div>
  );
}
