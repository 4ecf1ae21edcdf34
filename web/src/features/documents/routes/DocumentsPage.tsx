import { Page } from '@/components/layout/Page';

export function DocumentsPage() {
  return <Page title="Documents">{null}</Page>;
}
