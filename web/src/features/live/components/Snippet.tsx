import { useQuery } from '@tanstack/react-query';
import { CopyBlock } from '@/components/controls/CopyBlock';
import { api, reply } from '@/lib/api/client';
import { useKept } from '@/lib/kept';
import { uncounted } from '@/lib/tracker';
import classes from './live.module.css';

/** Where readers reach this server: as it is set, or as this browser does. */
function useAddress(): string {
  const settings = useQuery({
    queryKey: ['settings'],
    queryFn: ({ signal }) => reply(api.GET('/settings/', { signal })),
    staleTime: Infinity,
  });
  const told = settings.data?.settings.find((one) => one.key === 'public_url')?.value;

  return told?.replace(/\/+$/, '') || window.location.origin;
}

/** What a site needs to be counted, and how to see that it works. */
export function Snippet() {
  const [isUncounted, setUncounted] = useKept(uncounted, false);
  const tag = `<script defer src="${useAddress()}/sheaf.js"></script>`;

  return (
    <div className={classes.snippet}>
      <p>Paste this line into the head of every page that should be counted:</p>
      <CopyBlock text={tag} label="The line to paste" />
      <p>
        Then open such a page: its view appears here within a second. If it does not, see whether the browser
        asks not to be tracked (its view counts, but not as a visitor), whether an ad blocker keeps the script out, and
        whether readers of your site can reach this address.
      </p>
      <p className="secondary">No cookies, nothing stored in the browser, under 1 kB.</p>
      <label>
        <input type="checkbox" checked={!isUncounted} onChange={(event) => { setUncounted(!event.target.checked); }} />{' '}
        Count what this browser reads on the desk itself, too (from the next start of the page)
      </label>
    </div>
  );
}
