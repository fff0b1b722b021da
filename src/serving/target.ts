import { nameSchema } from '../base/index.ts';
import { pathFault } from '../sync/index.ts';
import { Refusal } from './refusal.ts';

/** What the URL of a request asks for. */
export interface Target {
  readonly repository: string;
  /** Undefined: the newest one. */
  readonly number: bigint | undefined;
  /** Within the repository, percent-decoded once; empty: the repository itself. */
  readonly path: string;
  /** The part of the URL's path that names repository and version, as the client wrote it. */
  readonly prefix: string;
}

/** Reads `/<repository>/<path>` and `/<repository>/@<number>/<path>`. Throws Refusal for a path that leaves the repository. */
export function targetOf(url: string): Target {
  // As it was sent: URL would resolve dots before anybody could refuse them.
  const sent = /^[a-z]+:\/\/[^/?#]*([^?#]*)/i.exec(url)?.[1] ?? '';
  const [, name = '', number, rest = ''] =
    /^\/([^/]*)(?:\/@([0-9]{1,15})(?=\/|$))?(?:\/(.*))?$/s.exec(sent) ?? [];
  const repository = decoded(name);
  if (repository === '') throw new Refusal(404, 'name a repository: /<repository>/<path>');
  if (!nameSchema.safeParse(repository).success) throw new Refusal(404, 'there is no such repository');
  const path = decoded(rest);
  const fault = path === '' ? undefined : pathFault(path);
  if (fault !== undefined) throw new Refusal(400, `the path ${fault}`);
  const prefix = number === undefined ? `/${name}` : `/${name}/@${number}`;
  return { repository, number: number === undefined ? undefined : BigInt(number), path, prefix };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new Refusal(400, 'the path is not percent-encoded UTF-8');
  }
}
