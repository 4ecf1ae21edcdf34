import { Page } from '@/components/layout/Page';

export function TodayPage() {
  return <Page title="Today">{null}</Page>;
}
