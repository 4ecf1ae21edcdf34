import type { ReactNode } from 'react';
import { Page } from '@/components/layout/Page';
import { useService, type Service } from '@/lib/services';
import { Empty, SkeletonPage } from './states';

const without: Record<Service, string> = {
  scraper: 'Nothing is fetched here.',
  backend: 'No papers are kept here.',
  processor: 'No documents are kept here.',
  analytics: 'Readers are not counted here.',
};

/** In the place of what cannot be. */
export function Without({ service }: { service: Service }) {
  return (
    <Empty title={without[service]}>
      <p>
        The service <code>{service}</code> does not run at this address. The setting <code>services</code> says which do.
      </p>
    </Empty>
  );
}

/** A page of a service: where that does not run, a sentence. */
export function Needs({ service, title, filters, children }: {
  service: Service;
  title: string;
  filters?: ReactNode;
  children: ReactNode;
}) {
  const has = useService(service);

  if (has === undefined) return <SkeletonPage />;
  return has ? children : <Page title={title} filters={filters}><Without service={service} /></Page>;
}
