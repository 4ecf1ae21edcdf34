import { Page } from '@/components/layout/Page';

export function OpsPage() {
  return <Page title="Ops">{null}</Page>;
}
