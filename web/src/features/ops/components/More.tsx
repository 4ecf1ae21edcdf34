import { Button } from '@mantine/core';
import { Failure } from '@/components/states/states';

/** The rest of a list that comes by pages. */
export function More({ of }: {
  of: {
    hasNextPage: boolean;
    isFetchingNextPage: boolean;
    isFetchNextPageError: boolean;
    error: unknown;
    fetchNextPage: () => Promise<unknown>;
  };
}) {
  const next = () => void of.fetchNextPage();

  if (of.isFetchNextPageError) return <Failure what="The rest of the list did not come." error={of.error} retry={next} />;
  if (!of.hasNextPage) return null;
  return (
    <Button variant="subtle" size="sm" fullWidth radius={0} loading={of.isFetchingNextPage} onClick={next}>Show more</Button>
  );
}
