import { Button, NativeSelect, TextInput } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState, type FormEvent } from 'react';
import { api, reply } from '@/lib/api/client';
import { ApiError } from '@/lib/api/errors';
import { categories } from '@/lib/categories';
import { once } from '@/lib/once';
import classes from './FetchForm.module.css';

export interface Wanted {
  category: string;
  days: string;
  max_results: string;
  query: string;
  /** "cs.AI, cs.LG"; empty: as the category implies. */
  arxiv_categories: string;
}

export const usual: Wanted = { category: 'all', days: '7', max_results: '50', query: '', arxiv_categories: '' };

export const choices = [
  { value: 'all', label: 'All' },
  ...Object.entries(categories).map(([value, name]) => ({ value, label: `${name} (${value})` })),
];

/** "cs.AI, cs.LG" -> a list, as the API takes it. */
export const listOf = (text: string): string[] => text.split(/[\s,]+/).filter(Boolean);

/** A number field's text; what is no number is for the server to refuse by name. */
export const numberOf = (text: string): number => Number(text.trim() || 'NaN');

/** Where an error belongs: the field that the server names, or below all. */
export function errorAt(error: unknown, field: string): string | undefined {
  return error instanceof ApiError && error.field === field ? error.message : undefined;
}

function range(text: string, least: number, most: number): string | undefined {
  const n = numberOf(text);

  return Number.isInteger(n) && n >= least && n <= most ? undefined : `A whole number from ${String(least)} to ${most.toLocaleString()}.`;
}

/** What is to be fetched: shared by the form for once and the one for a schedule. */
export function WantedFields({ value, change, error }: {
  value: Wanted;
  change: (part: Partial<Wanted>) => void;
  error: unknown;
}) {
  const field = (name: keyof Wanted) => ({
    value: value[name],
    error: errorAt(error, name),
    onChange: (event: { currentTarget: { value: string } }) => { change({ [name]: event.currentTarget.value }); },
  });

  return (
    <>
      <NativeSelect label="Category" data={choices} {...field('category')} />
      <div className={classes.pair}>
        <TextInput
          label="Days" inputMode="numeric" maxLength={3} {...field('days')}
          error={errorAt(error, 'days') ?? range(value.days, 1, 365)}
        />
        <TextInput
          label="At most" inputMode="numeric" maxLength={5} {...field('max_results')}
          error={errorAt(error, 'max_results') ?? range(value.max_results, 1, 2000)}
        />
      </div>
      <TextInput
        label="Words" description="Also arXiv’s own terms, such as ti:diffusion or au:lecun" maxLength={500}
        spellCheck={false} {...field('query')}
      />
      <TextInput
        label="arXiv’s categories" description="Such as cs.AI, cs.LG; empty: as the category above implies"
        maxLength={300} spellCheck={false} {...field('arxiv_categories')}
      />
    </>
  );
}

export function wantedIsValid(value: Wanted): boolean {
  return range(value.days, 1, 365) === undefined && range(value.max_results, 1, 2000) === undefined;
}

/** As the API takes it; what is empty is left out. */
export function wantedBody(value: Wanted) {
  const list = listOf(value.arxiv_categories);
  const query = value.query.trim();

  return {
    category: value.category, days: numberOf(value.days), max_results: numberOf(value.max_results),
    ...(query === '' ? {} : { query }),
    ...(list.length === 0 ? {} : { arxiv_categories: list }),
  };
}

const fields = new Set<string>(Object.keys(usual));

/** Below the fields: what is wrong with no single one of them. */
export function OtherError({ error, known = fields }: { error: unknown; known?: ReadonlySet<string> }) {
  if (!(error instanceof Error)) return null;
  if (error instanceof ApiError && error.field !== undefined && known.has(error.field)) return null;
  return <p className={classes.error} role="alert">{error.message}</p>;
}

/** Fetch papers from arXiv, now. */
export function FetchForm({ begin = usual, started }: { begin?: Wanted; started: (job: string) => void }) {
  const queries = useQueryClient();
  const [value, setValue] = useState(begin);
  const [key, setKey] = useState(once);
  const fetching = useMutation({
    // Sent twice by a shaky line, it is still one job.
    mutationFn: () => reply(api.POST('/scrape', { body: wantedBody(value), headers: { 'Idempotency-Key': key } })),
    onSuccess: ({ job_id }) => {
      setKey(once());
      void queries.invalidateQueries({ queryKey: ['jobs'] });
      started(job_id);
    },
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (wantedIsValid(value)) fetching.mutate();
  };

  return (
    <form className={classes.form} onSubmit={submit} noValidate>
      <WantedFields
        value={value} error={fetching.error}
        change={(part) => {
          setValue({ ...value, ...part });
          setKey(once());
          fetching.reset();
        }}
      />
      <OtherError error={fetching.error} />
      <div><Button type="submit" size="sm" loading={fetching.isPending} disabled={!wantedIsValid(value)}>Fetch papers</Button></div>
    </form>
  );
}
