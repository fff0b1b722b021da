import { embeddedVersion, startEmbedded } from '../../database/embedded/index.ts';
import type { SourceFile } from '../source/source-file.ts';
import { type CompileDatabase, type Engine, EngineError, openEngine } from './engine.ts';

/**
 * The embedded PostgreSQL as an engine. What it is is known from its package, so it is started only when a
 * statement has to be described: never, when everything is known already.
 */
export class EmbeddedEngine implements Engine {
  readonly version: string;
  readonly fingerprint: string;
  readonly serverVersion: number;
  readonly cockroach = false;
  #running: Promise<Engine> | undefined;

  /** `release`: of the package, `18.4.0-beta.17`. */
  private constructor(release: string) {
    const [major = 0, minor = 0] = release.split('.').map(Number);
    this.version = `PostgreSQL ${major}.${minor}`;
    this.serverVersion = major * 10_000 + minor;
    this.fingerprint = `embedded ${release}`;
  }

  /** Throws ConnectError where there is none for this platform. */
  static async find(): Promise<EmbeddedEngine> {
    return new EmbeddedEngine(await embeddedVersion());
  }

  get started(): boolean {
    return this.#running !== undefined;
  }

  async database(schema: readonly SourceFile[]): Promise<CompileDatabase> {
    this.#running ??= this.#start();
    return (await this.#running).database(schema);
  }

  async #start(): Promise<Engine> {
    const server = await startEmbedded();
    const engine = await openEngine({ url: server.url, stop: () => server.stop() });
    if (engine.version === this.version) return engine;
    await engine.close();
    throw new EngineError(
      `the embedded PostgreSQL is ${engine.version}, but its package says ${this.version}`,
    );
  }

  async close(): Promise<void> {
    await (await this.#running?.catch(() => undefined))?.close();
  }
}
