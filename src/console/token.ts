import { readFileSync } from 'node:fs';
import { invalidOption } from '../base/index.ts';

/** The token as it is now. Throws Error when it cannot be had. */
export type Token = () => string;

const SHORTEST = 16;

/** Undefined: there is none. Throws MisuseError when the file has none now. */
export function tokenOf(options: {
  readonly token?: string | undefined;
  readonly tokenFile?: string | undefined;
}): Token | undefined {
  const { token, tokenFile } = options;
  if (tokenFile === undefined) return token === undefined ? undefined : () => token;
  if (token !== undefined) throw invalidOption('tokenFile', 'give the token or a file with it, not both');
  const read = () => readToken(tokenFile);
  try {
    read();
  } catch (error) {
    throw invalidOption('tokenFile', (error as Error).message);
  }
  return read;
}

/** Without the end of its line, which most programs write behind it. */
function readToken(file: string): string {
  let text: string;
  try {
    text = readFileSync(file, 'utf8').trim();
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    throw new Error(`${file} cannot be read: ${REASONS[code ?? ''] ?? message}`, { cause });
  }
  if (text.length >= SHORTEST) return text;
  const what = text === '' ? 'is empty' : `has a token of ${text.length} characters`;
  throw new Error(`${file} ${what}: write one of ${SHORTEST} characters or more into it`);
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EACCES: 'this account may not read it',
  EISDIR: 'it is a folder',
};
