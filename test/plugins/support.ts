import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll } from 'vitest';
import { connect, type Database, type Session } from '../../src/index.ts';
import { filePlugin, npmPlugin } from '../../src/plugins/index.ts';
import {
  type ArtifactStore,
  contentsNamed,
  contentsOf,
  createRepository,
  Downloader,
  directoryStore,
  filesOf,
  getVersion,
  type SyncRepositoryOptions,
  type SyncResult,
  syncRepository,
  type VersionView,
} from '../../src/sync/index.ts';
import { ScriptedServer } from '../artifacts/support/server.ts';
import { createTestDatabase, SUITE_DRIVERS } from '../support/database.ts';

/** What tests of plugins share: a database, a session, a store and an upstream; made before the tests of a file. */
export class Bench {
  db!: Database;
  url!: string;
  session!: Session;
  store!: ArtifactStore;
  downloader!: Downloader;
  server!: ScriptedServer;
  #count = 0;

  static use(): Bench {
    const bench = new Bench();
    beforeAll(async () => {
      const folder = await mkdtemp(join(tmpdir(), 'holdfast-plugins-'));
      bench.url = (await createTestDatabase()).url;
      bench.db = await connect({ url: bench.url, driver: SUITE_DRIVERS[0]! });
      bench.session = await bench.startSession();
      bench.store = await directoryStore(folder);
      bench.downloader = new Downloader({ backoffMs: 0 });
      bench.server = await ScriptedServer.start();
      return async () => {
        await bench.downloader.close();
        await bench.server[Symbol.asyncDispose]();
        await bench.db.close();
        await rm(folder, { recursive: true, force: true });
      };
    });
    return bench;
  }

  startSession(component = 'tests'): Promise<Session> {
    return this.db.startSession({ component, intervalMs: 600_000 });
  }

  async repository(plugin: 'file' | 'npm', settings: unknown): Promise<string> {
    const name = `r${++this.#count}`;
    await createRepository(this.db, name, { plugin, settings });
    return name;
  }

  sync(
    repository: string,
    { on = this.session, ...options }: Partial<SyncRepositoryOptions> & { readonly on?: Session } = {},
  ): Promise<SyncResult> {
    return syncRepository(on, repository, {
      plugins: [filePlugin, npmPlugin],
      store: this.store,
      downloader: this.downloader,
      ...options,
    });
  }

  /** Natural keys that a version holds, joined by blanks, sorted. */
  async keys(repository: string, number?: number): Promise<string[]> {
    const found: string[] = [];
    for await (const { type, key } of contentsOf(this.db, repository, number))
      found.push(`${type} ${key.join(' ')}`);
    return found.sort();
  }

  async view(repository: string): Promise<VersionView> {
    const { db } = this;
    const version = await getVersion(db, repository);
    return {
      repository,
      number: version.number,
      named: (type, name) => contentsNamed(db, version, type, name),
      contents: async function* (type) {
        for await (const one of contentsOf(db, repository, version.number))
          if (type === undefined || one.type === type) yield one;
      },
      files: (contentIds) => filesOf(db, contentIds),
    };
  }
}

export const failureOf = (running: Promise<unknown>): Promise<Error> =>
  running.then(
    () => {
      throw new Error('it did not fail');
    },
    (error: unknown) => error as Error,
  );
