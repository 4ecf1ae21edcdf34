import { Button } from '@mantine/core';
import { useEffect, useState } from 'react';
import { toast } from '@/components/feedback/toasts';
import { copy } from '@/lib/clipboard';
import classes from './controls.module.css';

/** A text to be copied, and the button that does. */
export function CopyBlock({ text, label }: { text: string; label: string }) {
  const [copied, setCopied] = useState(false);

  useEffect(() => {
    if (!copied) return undefined;
    const timer = setTimeout(() => { setCopied(false); }, 2000);

    return () => { clearTimeout(timer); };
  }, [copied]);
  return (
    <div className={classes.copy}>
      {/* A long line scrolls, so the keyboard must reach it. */}
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
      <pre tabIndex={0} role="region" aria-label={label}><code>{text}</code></pre>
      <Button
        variant="default" size="xs"
        onClick={() => {
          void copy(text).then((done) => {
            if (done) setCopied(true);
            else toast('The browser does not let this page copy. Select the text instead.');
          });
        }}
      >
        {copied ? 'Copied' : 'Copy'}
      </Button>
    </div>
  );
}
