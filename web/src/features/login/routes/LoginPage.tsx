import { Button, PasswordInput } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useEffect, useState, type FormEvent } from 'react';
import { useNavigate, useSearchParams } from 'react-router';
import { api, reply } from '@/lib/api/client';
import { reconnect } from '@/lib/socket';
import classes from './LoginPage.module.css';

/** Only a path of the desk itself: a link must not lead elsewhere. */
function safeNext(next: string | null): string {
  return next?.startsWith('/') && !next.startsWith('//') ? next : '/';
}

/** For a desk that wants the token: what it is, and where to find it. */
export function LoginPage() {
  const navigate = useNavigate();
  const queries = useQueryClient();
  const next = safeNext(useSearchParams()[0].get('next'));
  const [token, setToken] = useState('');
  const login = useMutation({
    mutationFn: () => reply(api.POST('/login', { body: { token: token.trim() } })),
    onSuccess: () => {
      reconnect();
      queries.clear();
      void navigate(next, { replace: true });
    },
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    login.mutate();
  };

  useEffect(() => { document.title = 'Log in · sheaf'; }, []);
  return (
    <main className={classes.page}>
      <form className={classes.form} onSubmit={submit}>
        <h1>sheaf</h1>
        <p>This desk is private. Its admin token opens it for this browser.</p>
        {/* For those who keep passwords: whose this one is. */}
        <input type="text" autoComplete="username" value="sheaf" readOnly hidden />
        <PasswordInput
          label="Admin token" value={token} autoComplete="current-password" required
          description={<>On the machine that runs sheaf: <code>sheaf token</code></>}
          error={login.error?.message}
          onChange={(event) => { setToken(event.currentTarget.value); login.reset(); }}
        />
        <Button type="submit" loading={login.isPending} disabled={token.trim() === ''}>Open the desk</Button>
      </form>
    </main>
  );
}
