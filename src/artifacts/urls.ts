import { invalidOption } from '../base/index.ts';

/** A URL apart from the secrets in it. */
export interface CheckedUrl {
  /** Without user and password. */
  readonly url: URL;
  /** As errors show it: also without the values of its query. */
  readonly shown: string;
  /** The user and password that stood in it, as a header's value. */
  readonly authorization: string | undefined;
}

/** Throws MisuseError, which names `subject` and shows nothing of the text, for what is no http or https URL. */
export function checkUrl(subject: string, text: string | URL): CheckedUrl {
  // The TypeError of `new URL` has the text in it, and with it the password.
  const url = URL.parse(String(text));
  if (!url || (url.protocol !== 'http:' && url.protocol !== 'https:'))
    throw invalidOption(subject, 'expected a URL that begins with http:// or https://');
  const { username, password } = url;
  url.username = '';
  url.password = '';
  url.hash = '';
  const login = `${decoded(username)}:${decoded(password)}`;
  return {
    url,
    shown: shownUrl(url),
    authorization: login === ':' ? undefined : `Basic ${Buffer.from(login).toString('base64')}`,
  };
}

/** Without user, password, query and fragment: each may hold a secret. */
export function shownUrl(url: URL): string {
  return `${url.protocol}//${url.host}${url.pathname}${url.search === '' ? '' : '?...'}`;
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
