import { assertFunction } from '../base/index.ts';
import { holderOf } from '../queries/repositories.ts';
import { type CandidateSource, type Session, Work } from '../work/index.ts';
import { RepositoryBusyError } from './errors.ts';
import { getRepository, type Repository } from './repository.ts';

/** Kind of the work that changes a repository; its target is the repository's name. */
export const REPOSITORY_KIND = 'repository:sync';

/** Who changes a repository: a session, which takes the work on it first, or the work, such as a control loop's. */
export type Changer = Session | Work;

/**
 * What a claim or a control loop takes repositories from: those that `names` gives, and whose work is free. Give its work to
 * `sync`.
 */
export function repositorySource(names: CandidateSource['candidates']): CandidateSource {
  assertFunction('names', names);
  return { kind: REPOSITORY_KIND, candidates: names };
}

/**
 * Does something that needs the work on a repository, and ends the work if it has taken it. Throws RepositoryNotFoundError and
 * RepositoryBusyError.
 */
export async function withRepository<T>(
  on: Changer,
  name: string,
  body: (work: Work, repository: Repository) => Promise<T>,
): Promise<T> {
  if (on instanceof Work) return body(on, await getRepository(on.session, name));
  await getRepository(on, name);
  const [taken] = await on.claim({ kind: REPOSITORY_KIND, candidates: () => [name] });
  if (!taken) {
    const holder = await holderOf(on, { kind: REPOSITORY_KIND, target: name });
    throw new RepositoryBusyError(name, holder);
  }
  await using work = taken;
  // Read again: the holder before may have changed it until now.
  const value = await body(work, await getRepository(on, name));
  await work.finish();
  return value;
}
