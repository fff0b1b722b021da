import { type FaceList, type FacePages, positionFrom } from '../faces/index.ts';
import {
  pageOfRepositories,
  progressOfRepositories,
  repositoryByName,
  runsOf,
} from '../queries/repositories.ts';
import { REPOSITORY_KIND } from './repository-work.ts';

const STEPS = 500n;

const repositories: FaceList = {
  id: 'repositories',
  title: 'Repositories',
  about: 'What each repository has, and how its last sync ended',
  columns: [
    { name: 'repository', look: 'target' },
    { name: 'plugin' },
    { name: 'version', look: 'number' },
    { name: 'contents', look: 'number' },
    { name: 'completed', look: 'time' },
    { name: 'last run', look: 'state' },
    { name: 'began', look: 'time' },
    { name: 'cause' },
  ],
  filters: [{ name: 'name', label: 'Name begins with' }],
  page: async (on, { after, filters, size }) => {
    const [name] = positionFrom(after, ['']);
    const rows = await pageOfRepositories(on, {
      after: name!,
      prefix: filters['name'] ?? null,
      page: BigInt(size + 1),
    });
    return {
      rows: rows
        .slice(0, size)
        .map(({ name: repository, plugin, version, present, completedAt, runState, startedAt, cause }) => ({
          values: {
            repository,
            plugin,
            version: version === 0n ? null : version,
            contents: present,
            completed: completedAt,
            'last run': runState,
            began: startedAt,
            cause,
          },
        })),
      next: rows.length > size ? [rows[size - 1]!.name] : undefined,
    };
  },
};

const syncs: FaceList = {
  id: 'syncs',
  title: 'Syncs',
  about: 'How far the last sync of each repository is, and where its items are, stage by stage',
  columns: [
    { name: 'repository', look: 'target' },
    { name: 'step or stage' },
    { name: 'state', look: 'state' },
    { name: 'progress', look: 'progress' },
    { name: 'queued', look: 'number' },
    { name: 'items in', look: 'number' },
    { name: 'items out', look: 'number' },
    { name: 'changed', look: 'time' },
  ],
  filters: [{ name: 'repository', label: 'Repository' }],
  page: async (on, { after, filters }) => {
    const [name] = positionFrom(after, ['']);
    const rows = await progressOfRepositories(on, {
      after: name!,
      name: filters['repository'] ?? null,
      page: STEPS,
    });
    // A repository whose rows may have been cut off comes whole with the next page.
    const last = rows.length < Number(STEPS) ? undefined : rows.at(-1)!.name;
    const whole = rows.filter((row) => row.name !== last);
    return {
      rows: whole.map(({ name: repository, sort, what, state, done, total, itemsIn, queued, updatedAt }) => {
        const isStep = sort === 0n;
        return {
          values: {
            repository,
            'step or stage': isStep ? what : `stage ${what}`,
            state,
            progress: isStep ? `${done}/${total ?? '?'}` : null,
            queued,
            'items in': itemsIn,
            'items out': isStep ? null : done,
            changed: updatedAt,
          },
        };
      }),
      next: last === undefined || whole.length === 0 ? undefined : [whole.at(-1)!.name],
    };
  },
};

export const repositoriesPages: FacePages = {
  lists: [repositories, syncs],
  timeline: async (on, target, from, size) => {
    const repository = await repositoryByName(on, { name: target });
    if (!repository) return [];
    const before = from['runs'];
    const rows = await runsOf(on, { repositoryId: repository.repositoryId, page: 500n });
    return rows
      .filter(({ token }) => before === undefined || token < BigInt(before))
      .slice(0, size)
      .map(({ token, state, version, cause, startedAt, endedAt }) => ({
        at: endedAt ?? startedAt,
        since: endedAt === null ? undefined : startedAt,
        subject: REPOSITORY_KIND,
        event: endedAt === null ? 'sync began' : version === null ? state : `version ${version}`,
        cause: cause ?? undefined,
        stream: 'runs',
        position: String(token),
      }));
  },
};
