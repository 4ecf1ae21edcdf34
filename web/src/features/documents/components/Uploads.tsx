import { Button } from '@mantine/core';
import { Link } from 'react-router';
import { toastError } from '@/components/feedback/toasts';
import { bytes, counted } from '@/lib/format';
import { isUnderWay, shareOf, wordsOf, type Upload } from '../api/upload';
import { again, canTryAgain, cancel, dismiss, dismissEnded } from '../api/uploads';
import classes from './Uploads.module.css';

const percent = (share: number) => Math.round(share * 100);

function Progress({ upload }: { upload: Upload }) {
  const share = shareOf(upload);

  return (
    <progress
      className={classes.progress} aria-label={`Progress of ${upload.name}`}
      max={100} value={share === undefined ? undefined : percent(share)}
    />
  );
}

function NextStep({ upload }: { upload: Upload }) {
  const about = <span className="hidden-visually"> {upload.name}</span>;

  if (isUnderWay(upload)) {
    return (
      <Button variant="subtle" color="gray" size="compact-xs" onClick={() => { cancel(upload).catch(toastError); }}>
        Cancel{about}
      </Button>
    );
  }
  return (
    <>
      {upload.documentId !== undefined && <Link to={`/documents/${upload.documentId}`}>Open{about}</Link>}
      {(upload.state === 'failed' || upload.state === 'cancelled') && canTryAgain(upload) && (
        <Button variant="default" size="compact-xs" onClick={() => { again(upload).catch(toastError); }}>
          Try again{about}
        </Button>
      )}
      <Button variant="subtle" color="gray" size="compact-xs" onClick={() => { dismiss(upload.key); }}>
        Dismiss{about}
      </Button>
    </>
  );
}

function Row({ upload }: { upload: Upload }) {
  return (
    <li className={classes.row} data-state={upload.state}>
      <div className={classes.name}>
        <bdi>{upload.name}</bdi>
        {upload.size !== undefined && <small> {bytes(upload.size)}</small>}
      </div>
      <div className={classes.words}>
        {upload.state === 'failed' && <strong>Failed: </strong>}
        {wordsOf(upload)}
        {upload.warnings.map((warning) => <div key={warning}>Note: {warning}</div>)}
      </div>
      <div className={classes.steps}><NextStep upload={upload} /></div>
      {isUnderWay(upload) && <Progress upload={upload} />}
    </li>
  );
}

function summary(uploads: Upload[]): string {
  const left = uploads.filter(isUnderWay).length;
  const failed = uploads.filter((u) => u.state === 'failed').length;
  const parts = [
    left > 0 ? `Adding ${counted(left, 'text')}` : `${counted(uploads.length - failed, 'text')} done`,
    ...(failed > 0 ? [`${String(failed)} failed`] : []),
  ];

  return parts.join(', ');
}

/** What is on its way in, and how it ended. */
export function Uploads({ uploads }: { uploads: Upload[] }) {
  return (
    <section className={classes.uploads} aria-label="On the way in">
      <div className={classes.head}>
        <h2><span role="status">{summary(uploads)}</span></h2>
        {!uploads.every(isUnderWay) && (
          <Button variant="subtle" color="gray" size="compact-xs" onClick={dismissEnded}>Clear what has ended</Button>
        )}
      </div>
      <ul className={classes.list}>
        {uploads.map((upload) => <Row key={upload.key} upload={upload} />)}
      </ul>
    </section>
  );
}
