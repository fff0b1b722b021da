import type { ArtifactStore } from '../artifacts/index.ts';
import type { Face, Fact, HistoryEvent } from '../faces/index.ts';
import {
  countRepositories,
  deleteOldRuns,
  openVersionsOf,
  repositoryByName,
  runsOf,
  stepsOf,
} from '../queries/repositories.ts';
import type { Executor } from '../query/index.ts';
import { collectGarbage, discardFenced } from './garbage.ts';
import { repositoriesPages } from './pages.ts';
import { REPOSITORY_KIND } from './repository-work.ts';

const DAY_MS = 86_400_000;
const RUNS = 500n;

export interface RepositoriesFaceOptions {
  /** Where bytes are. Without one the janitor deletes no artifacts; `collectGarbage` does. */
  readonly store?: ArtifactStore | undefined;
  /** Content and artifacts that were used within so many milliseconds stay. Default an hour. */
  readonly graceMs?: number | undefined;
  /** Runs that ended longer ago are forgotten. Default 90 days. */
  readonly retentionMs?: number | undefined;
}

/**
 * For `runJanitor`: open versions of dead sessions, content and artifacts that nobody needs, old runs, and what the newest
 * versions hold. For `explain` and `history`: a repository, its versions under way and its runs.
 */
export function repositoriesFace(options: RepositoriesFaceOptions = {}): Face {
  const { store, graceMs, retentionMs = 90 * DAY_MS } = options;
  return {
    name: 'repositories',
    rights: {
      worker: {
        'SELECT, INSERT, UPDATE': ['holdfast.content', 'holdfast.content_artifact', 'holdfast.artifact'],
        'SELECT, INSERT, UPDATE, DELETE': [
          'holdfast.repository',
          'holdfast.repository_version',
          'holdfast.repository_content',
          'holdfast.repository_run',
          'holdfast.repository_step',
          'holdfast.remote',
          'holdfast.remote_artifact',
        ],
      },
      janitor: {
        SELECT: ['holdfast.repository'],
        'SELECT, UPDATE, DELETE': [
          'holdfast.repository_version',
          'holdfast.repository_content',
          'holdfast.repository_run',
          'holdfast.repository_step',
          'holdfast.content',
          'holdfast.artifact',
        ],
        'SELECT, DELETE': ['holdfast.content_artifact', 'holdfast.remote_artifact'],
      },
      operator: { 'SELECT, INSERT, UPDATE': ['holdfast.repository', 'holdfast.repository_version'] },
      server: {
        SELECT: [
          'holdfast.repository',
          'holdfast.repository_version',
          'holdfast.repository_content',
          'holdfast.content',
          'holdfast.remote',
          'holdfast.remote_artifact',
        ],
        'SELECT, UPDATE': ['holdfast.content_artifact'],
        'SELECT, INSERT, UPDATE': ['holdfast.artifact'],
      },
    },
    sweeps: [
      { name: 'open versions', page: (host) => discardFenced(host) },
      {
        name: 'unused content',
        when: 'seldom',
        page: async (host) => {
          const { contents, artifacts } = await collectGarbage(host, { store, graceMs });
          return contents + artifacts;
        },
      },
      {
        name: 'repository runs',
        when: 'seldom',
        page: async ({ guarded }, page) =>
          Number(await deleteOldRuns(guarded, { page, olderThanMs: BigInt(Math.round(retentionMs)) })),
      },
    ],
    gauges: [
      {
        descriptions: { 'holdfast.repository.contents': 'Contents of the newest version, by repository' },
        when: 'seldom',
        read: async ({ guarded }) => ({
          'holdfast.repository.contents': (await countRepositories(guarded)).map(
            ({ name, present }) => [present, { repository: name }] as const,
          ),
        }),
      },
    ],
    explain: async (on, target) => {
      const repository = await repositoryByName(on, { name: target });
      if (!repository) return { facts: [], findings: [], work: [] };
      const { repositoryId, name, plugin, version, retain } = repository;
      const [open, runs] = await Promise.all([
        openVersionsOf(on, { repositoryId }),
        runsOf(on, { repositoryId, page: 1n }),
      ]);
      const [last] = runs;
      const steps = last?.state === 'running' ? await stepsOf(on, { repositoryId, token: last.token }) : [];
      const fact: Fact = {
        repository: name,
        plugin,
        version,
        retain,
        'version under way': open[0]?.number ?? null,
        'last run': last?.state ?? null,
        'began at': last?.startedAt ?? null,
        'ended at': last?.endedAt ?? null,
        cause: last?.cause ?? null,
        ...Object.fromEntries(steps.map(({ message, done }) => [message, done])),
      };
      const failed = last?.state === 'failed' || last?.state === 'partial';
      return {
        facts: [fact],
        findings: failed
          ? [
              {
                state: 'stuck',
                reason: last.state === 'failed' ? 'sync failed' : 'items skipped',
                subject: REPOSITORY_KIND,
                text: `the last sync ended ${last.state}${last.cause === null ? '' : `: ${last.cause}`}`,
              },
            ]
          : [],
        work: [{ kind: REPOSITORY_KIND, waits: false }],
      };
    },
    pages: repositoriesPages,
    history: async function* (on: Executor, target) {
      const repository = await repositoryByName(on, { name: target });
      if (!repository) return;
      const { repositoryId } = repository;
      const rows = await runsOf(on, { repositoryId, page: RUNS });
      const events = rows.flatMap(({ state, version, cause, startedAt, endedAt }): HistoryEvent[] => [
        { at: startedAt, subject: REPOSITORY_KIND, event: 'sync began' },
        ...(endedAt === null
          ? []
          : [
              {
                at: endedAt,
                subject: REPOSITORY_KIND,
                event: version === null ? state : `version ${version}`,
                cause: cause ?? undefined,
              },
            ]),
      ]);
      yield* events.sort((a, b) => a.at.getTime() - b.at.getTime());
    },
  };
}
