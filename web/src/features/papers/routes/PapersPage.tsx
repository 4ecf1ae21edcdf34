import { Page } from '@/components/layout/Page';

export function PapersPage() {
  return <Page title="Papers">{null}</Page>;
}
