import { Button, TextInput } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState, type FormEvent } from 'react';
import {
  errorAt, listOf, OtherError, usual, wantedBody, WantedFields, wantedIsValid,
} from '@/components/fetch/FetchForm';
import { api, reply } from '@/lib/api/client';
import type { Schedule } from '../api/schedules';
import classes from './ops.module.css';

const fields = new Set([...Object.keys(usual), 'every', 'at', 'tz']);

function valuesOf(one: Schedule | undefined) {
  if (!one) {
    return {
      ...usual, every: '24h', at: '06:00', tz: Intl.DateTimeFormat().resolvedOptions().timeZone || 'UTC',
    };
  }
  return {
    category: one.category, days: String(one.days), max_results: String(one.max_results), query: one.query ?? '',
    arxiv_categories: one.arxiv_categories?.join(', ') ?? '', every: one.every, at: one.at ?? '', tz: one.tz,
  };
}

/** A new schedule, or a change of `one`. */
export function ScheduleForm({ one, saved }: { one?: Schedule; saved: () => void }) {
  const queries = useQueryClient();
  const [value, setValue] = useState(() => valuesOf(one));
  const saving = useMutation({
    mutationFn: () => {
      const when = { every: value.every.trim(), at: value.at, tz: value.tz.trim() };
      const body = { ...wantedBody(value), ...when };

      // What was taken away must be said: left out, it stays as it was.
      return one
        ? reply(api.PATCH('/schedules/{id}', {
          params: { path: { id: one.id } },
          body: { ...body, query: value.query.trim(), arxiv_categories: listOf(value.arxiv_categories) },
        }))
        : reply(api.POST('/schedules/', { body }));
    },
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: ['schedules'] });
      saved();
    },
  });
  const change = (part: Partial<typeof value>) => {
    setValue({ ...value, ...part });
    saving.reset();
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (wantedIsValid(value)) saving.mutate();
  };

  return (
    <form className={classes.stack} onSubmit={submit} noValidate>
      <div className={classes.pair}>
        <TextInput
          label="Every" description="A number and m, h or d" value={value.every} maxLength={8} spellCheck={false}
          error={errorAt(saving.error, 'every')} onChange={(event) => { change({ every: event.currentTarget.value }); }}
        />
        <TextInput
          label="At" description="Empty: counted from now" type="time" value={value.at} error={errorAt(saving.error, 'at')}
          onChange={(event) => { change({ at: event.currentTarget.value }); }}
        />
      </div>
      <TextInput
        label="Time zone" value={value.tz} maxLength={60} spellCheck={false} error={errorAt(saving.error, 'tz')}
        onChange={(event) => { change({ tz: event.currentTarget.value }); }}
      />
      <WantedFields value={value} error={saving.error} change={change} />
      <OtherError error={saving.error} known={fields} />
      <div>
        <Button type="submit" size="sm" loading={saving.isPending} disabled={!wantedIsValid(value)}>
          {one ? 'Save' : 'Add the schedule'}
        </Button>
      </div>
    </form>
  );
}
