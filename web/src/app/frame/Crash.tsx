import { Button } from '@mantine/core';
import { useRouteError } from 'react-router';
import { Empty } from '@/components/states/states';

/** A page that broke.  After an update of sheaf its old chunks are gone: then
 *  loading the page anew is all that is needed. */
export function Crash() {
  const error = useRouteError();
  const stale = error instanceof Error && /dynamically imported module|module script/i.test(error.message);

  return (
    <Empty title={stale ? 'sheaf was updated.' : 'This page broke.'}>
      <p>
        {stale ? 'Load the page anew to use the new version.' : 'Nothing that was saved is lost. Load the page anew, or go on with another one.'}
      </p>
      {!stale && error instanceof Error && <p className="secondary">{error.message}</p>}
      <div><Button size="xs" onClick={() => { window.location.reload(); }}>Load anew</Button></div>
    </Empty>
  );
}
