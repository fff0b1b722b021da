import { useEffect, useState } from 'preact/hooks';
import type { SentConsole } from '../wire.ts';

/** One line that says what is wrong. */
async function problemOf(response: Response): Promise<string> {
  const body: unknown = await response.json().catch(() => undefined);
  const said = (body as { error?: unknown } | undefined)?.error;
  return typeof said === 'string' ? said : `the console answered ${response.status}`;
}

export async function get<T>(path: string): Promise<T> {
  const response = await fetch(`/api/${path}`);
  // The login has gone: the server asks for it when the page is loaded.
  if (response.status === 401) location.reload();
  if (!response.ok) throw new Error(await problemOf(response));
  return (await response.json()) as T;
}

/** Does something; gives the line that says what is so now. */
export async function act(
  { csrf }: SentConsole,
  action: string,
  args: Readonly<Record<string, string>>,
  reason: string,
): Promise<string> {
  const response = await fetch(`/api/actions/${action}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-holdfast-csrf': csrf },
    body: JSON.stringify({ args, reason }),
  });
  if (!response.ok) throw new Error(await problemOf(response));
  return ((await response.json()) as { said: string }).said;
}

export interface Live<T> {
  readonly data: T | undefined;
  readonly problem: string | undefined;
  /** The last word is that of the server. */
  readonly isLive: boolean;
}

/** What a path of the server says, as long as somebody looks at it. */
export function useLive<T>(path: string): Live<T> {
  const [state, setState] = useState<Live<T> & { path: string }>({
    path,
    data: undefined,
    problem: undefined,
    isLive: false,
  });
  useEffect(() => {
    let source: EventSource | undefined;
    let data: T | undefined;
    const open = () => {
      if (document.hidden || source) return;
      source = new EventSource(`/api/live/${path}`);
      source.addEventListener('data', (event) => {
        data = JSON.parse(event.data) as T;
        setState({ path, data, problem: undefined, isLive: true });
      });
      source.addEventListener('failure', (event) => {
        const { error } = JSON.parse(event.data) as { error: string };
        setState({ path, data, problem: error, isLive: false });
      });
      source.addEventListener('error', () => {
        // It comes again by itself, unless the server has refused it.
        if (source?.readyState !== EventSource.CLOSED) return;
        close();
        get<T>(path).then(
          () => setTimeout(open, 2_000),
          (error: Error) => {
            setState({ path, data, problem: error.message, isLive: false });
            setTimeout(open, 5_000);
          },
        );
      });
    };
    const close = () => {
      source?.close();
      source = undefined;
    };
    let isGone = false;
    const guarded = () => {
      if (isGone) return;
      if (document.hidden) close();
      else open();
    };
    document.addEventListener('visibilitychange', guarded);
    open();
    return () => {
      isGone = true;
      document.removeEventListener('visibilitychange', guarded);
      close();
    };
  }, [path]);
  return state.path === path ? state : { data: undefined, problem: undefined, isLive: false };
}

export function queryOf(values: Readonly<Record<string, string | null | undefined>>): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) if (value) query.set(name, value);
  const text = query.toString();
  return text === '' ? '' : `?${text}`;
}

export const targetPage = (name: string, from?: string) => `/target${queryOf({ name, from })}`;
export const listPage = (id: string, filters: Readonly<Record<string, string>> = {}) =>
  `/lists/${id}${queryOf(filters)}`;
export const sessionPage = (session: string) => listPage('sessions', { session });
