import { Page } from '@/components/layout/Page';

export function LivePage() {
  return <Page title="Live">{null}</Page>;
}
