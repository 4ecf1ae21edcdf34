import { Link, useLocation } from 'react-router';
import { Page } from '@/components/layout/Page';
import { Empty } from '@/components/states/states';

export function NotFound() {
  const { pathname } = useLocation();

  return (
    <Page title="Not here">
      <Empty title="There is no such page.">
        <p>
          <code>/app{pathname}</code> leads nowhere. <Link to="/">Today</Link> is a good place to start again.
        </p>
      </Empty>
    </Page>
  );
}
