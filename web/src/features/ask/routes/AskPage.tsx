import { Page } from '@/components/layout/Page';

export function AskPage() {
  return <Page title="Ask">{null}</Page>;
}
