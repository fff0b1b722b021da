import { createHash } from 'node:crypto';
import { basename } from 'node:path/posix';
import { z } from 'zod';
import type { ByteRange } from '../artifacts/index.ts';
import { checkOptions, tell, unlessAborted } from '../base/index.ts';
import { Database, reading } from '../client/index.ts';
import { remotesOfFile } from '../queries/repositories.ts';
import { contentsAtPath, fileToServe, versionToServe } from '../queries/serving.ts';
import {
  ArtifactMissingError,
  type ArtifactStore,
  Downloader,
  OnDemand,
  RepositoryNotFoundError,
  type Served,
  type ServedFile,
  type SyncPlugin,
} from '../sync/index.ts';
import { inRequest } from '../telemetry/index.ts';
import { answer, type Entity, verified } from './answer.ts';
import { Refusal, refusalOf } from './refusal.ts';
import { type Target, targetOf } from './target.ts';
import { View } from './view.ts';

/** Options of `serveRepositories`. */
const servingSchema = z.strictObject({
  /** Where the repositories are. */
  db: z.instanceof(Database),
  /** Where bytes are, and where those go that were on demand. */
  store: z.custom<ArtifactStore>((value) => typeof value === 'object' && value !== null, 'expected a store'),
  /** What answers the paths of repositories that name them. Default: none. */
  plugins: z.array(z.custom<SyncPlugin>()).optional(),
  /** What fetches files that are on demand. Default: one of its own. */
  downloader: z.instanceof(Downloader).optional(),
  /** How clients see the root of the server, where a proxy stands before it. Default: what the request says. */
  baseUrl: z.url({ protocol: /^https?$/ }).optional(),
  /** Told of each request that failed by the server or by upstream. What it throws becomes a process warning. Default: nobody. */
  onError: z.custom<(error: unknown, request: Request) => void>().optional(),
});

export type ServingOptions = z.input<typeof servingSchema>;

/** The repository and version of one request. */
interface Chosen {
  readonly name: string;
  readonly repositoryId: string;
  readonly plugin: string | null;
  readonly number: bigint;
  readonly completedAt: Date;
}

/** How often the newest version may go while a document is made of it. */
const TRIES = 10;
const YEAR_S = 31_536_000;

/**
 * Answers requests for complete versions: `/<repository>/<path>` is the newest one at that moment, and
 * `/<repository>/@<number>/<path>` a certain one. A request sees one version to its end. After RFC 9110; GET and HEAD alone.
 */
export class Repositories {
  readonly #db: Database;
  readonly #store: ArtifactStore;
  readonly #plugins: ReadonlyMap<string, SyncPlugin>;
  readonly #ownDownloader: Downloader | undefined;
  readonly #onDemand: OnDemand;
  readonly #baseUrl: string | undefined;
  readonly #onError: ServingOptions['onError'];

  /** @internal */
  constructor(options: ServingOptions) {
    const { db, store, plugins = [], downloader, baseUrl, onError } = checkOptions(servingSchema, options);
    this.#db = db;
    this.#store = store;
    this.#plugins = new Map(plugins.map((plugin) => [plugin.name, plugin]));
    this.#ownDownloader = downloader ? undefined : new Downloader();
    this.#onDemand = new OnDemand(db, store, downloader ?? this.#ownDownloader!);
    this.#baseUrl = baseUrl?.replace(/\/+$/, '');
    this.#onError = onError;
  }

  /** Answers one request; never rejects. */
  readonly fetch = (request: Request): Promise<Response> =>
    inRequest(request.method, ROUTE, async (span) => {
      try {
        return await this.#answer(request);
      } catch (error) {
        if (request.signal.aborted) return new Response(null, { status: CLIENT_CLOSED });
        const refusal = refusalOf(error);
        if (refusal.status >= 500) {
          span.fail(error);
          tell(() => this.#onError?.(error, request));
        }
        return say(request, refusal);
      }
    });

  /** Gives up the downloads of its own downloader. */
  async close(): Promise<void> {
    await this.#ownDownloader?.close();
  }

  async #answer(request: Request): Promise<Response> {
    if (request.method !== 'GET' && request.method !== 'HEAD')
      throw new Refusal(405, 'repositories are read by GET and HEAD', { allow: 'GET, HEAD' });
    const target = targetOf(request.url);
    const base = `${this.#baseUrl ?? /^[a-z]+:\/\/[^/?#]*/i.exec(request.url)![0]}${target.prefix}`;
    const [chosen, served] = await this.#find(target, base);
    const { name, number } = chosen;
    if (!served)
      throw new Refusal(404, `version ${number} of ${name} has nothing at ${JSON.stringify(target.path)}`);
    const isPinned = target.number !== undefined;
    const headers = lastModified(chosen.completedAt);
    if (served.kind === 'document') {
      const body = Buffer.from(served.body);
      return answer(request, {
        sha256: createHash('sha256').update(body).digest('hex'),
        size: body.length,
        headers: { ...headers, 'cache-control': 'no-cache', 'content-type': served.contentType },
        open: async (range) => body.subarray(range?.start, range?.end),
      });
    }
    const cached = isPinned ? `public, max-age=${YEAR_S}, immutable` : 'no-cache';
    return answer(
      request,
      await this.#entity(request, served, {
        ...headers,
        'cache-control': cached,
        'content-type': served.contentType ?? 'application/octet-stream',
        'content-disposition': disposition(served.filename ?? basename(served.path)),
      }),
    );
  }

  /**
   * Chooses the version, and what it has at the path. What was made of several statements counts only if the version is still
   * there behind the last one: it could have been deleted between them.
   */
  async #find(target: Target, base: string): Promise<readonly [Chosen, Served | undefined]> {
    for (let left = TRIES; left > 0; left--) {
      const chosen = await this.#choose(target);
      const served = await this.#ask(chosen, target.path, base);
      if (served?.kind === 'file') return [chosen, served];
      const again = await versionToServe(reading(this.#db), { name: chosen.name, number: chosen.number });
      if (again?.repositoryId === chosen.repositoryId && again.number !== null) return [chosen, served];
    }
    throw new Refusal(503, 'the repository changes too fast: try again');
  }

  async #choose({ repository: name, number }: Target): Promise<Chosen> {
    const found = await versionToServe(reading(this.#db), { name, number: number ?? null });
    if (!found) throw new Refusal(404, `there is no repository ${name}`);
    if (found.number === null || found.completedAt === null)
      throw new Refusal(
        404,
        number === undefined
          ? `${name} has no complete version yet`
          : `${name} has no complete version ${number}`,
      );
    return { name, ...found, number: found.number, completedAt: found.completedAt };
  }

  async #ask(
    { name, repositoryId, plugin: wanted, number }: Chosen,
    path: string,
    base: string,
  ): Promise<Served | undefined> {
    if (wanted === null) {
      const [first, second] = await contentsAtPath(reading(this.#db), { repositoryId, number, path });
      if (second)
        throw new Refusal(409, `several contents of version ${number} of ${name} have a file at that path`);
      return first && { kind: 'file', contentId: first.contentId, path };
    }
    const plugin = this.#plugins.get(wanted);
    if (!plugin) throw new Refusal(501, `this server does not have the plugin ${wanted}`);
    try {
      return await plugin.serve?.({ path, base }, new View(this.#db, name, repositoryId, Number(number)));
    } catch (error) {
      if (error instanceof RepositoryNotFoundError) return undefined;
      throw error;
    }
  }

  /** A file: what is known of it without its bytes, else with them. */
  async #entity(
    request: Request,
    { contentId, path }: ServedFile,
    headers: Readonly<Record<string, string>>,
  ): Promise<Entity> {
    const row = await fileToServe(reading(this.#db), { contentId, path });
    if (!row) throw new Refusal(404, 'the file is not there any more');
    const fetched = () => unlessAborted(request.signal, this.#onDemand.fetch(contentId, path));
    const isStored = row.state === 'stored';
    const known = isStored
      ? { sha256: row.sha256!, size: Number(row.size) }
      : ((await this.#declared(contentId, path, row.sha256)) ?? (await this.#measured(await fetched())));
    const { sha256, size } = known;
    const read = async (range: ByteRange | undefined) => {
      if (!isStored && (await fetched()) !== sha256)
        throw new Refusal(502, 'upstream has another file by now');
      try {
        return await this.#store.read(sha256, range);
      } catch (error) {
        if (!(error instanceof ArtifactMissingError)) throw error;
        // The store has lost it.
        await fetched();
        return this.#store.read(sha256, range);
      }
    };
    const open = async (range?: ByteRange) =>
      verified(
        await read(range),
        range ? { size: range.end - range.start, sha256: undefined } : { size, sha256 },
        (error) => tell(() => this.#onError?.(error, request)),
      );
    return { sha256, size, headers, open };
  }

  /** What remotes declare of a file that nobody has asked for yet, if that is enough for an answer without its bytes. */
  async #declared(
    contentId: string,
    path: string,
    known: string | null,
  ): Promise<Pick<Entity, 'sha256' | 'size'> | undefined> {
    const remotes = await remotesOfFile(reading(this.#db), { contentId, path });
    const size = remotes.find((one) => one.size !== null)?.size;
    const sha256 = known ?? digestsSchema.parse(remotes[0]?.digests ?? {}).sha256;
    return size == null || sha256 === undefined ? undefined : { sha256, size: Number(size) };
  }

  async #measured(sha256: string): Promise<Pick<Entity, 'sha256' | 'size'>> {
    const size = await this.#store.size(sha256);
    if (size === undefined) throw new ArtifactMissingError(sha256);
    return { sha256, size };
  }
}

const ROUTE = '/:repository/*';
/** As nginx logs it; nobody is there to read it. */
const CLIENT_CLOSED = 499;

const digestsSchema = z.looseObject({ sha256: z.string().optional() });

/**
 * Whole seconds, rounded up, once they are over: two versions of one second have no date in common that a client was given.
 */
function lastModified(at: Date): Record<string, string> {
  const second = Math.ceil(at.getTime() / 1_000) * 1_000;
  return second > Date.now() ? {} : { 'last-modified': new Date(second).toUTCString() };
}

/** After RFC 6266: a browser saves it, and shows nothing. */
function disposition(filename: string): string {
  if (/^[\w.+@ -]+$/.test(filename)) return `attachment; filename="${filename}"`;
  const encoded = encodeURIComponent(filename.toWellFormed()).replace(
    /['()*]/g,
    (one) => `%${one.charCodeAt(0).toString(16)}`,
  );
  return `attachment; filename*=UTF-8''${encoded}`;
}

/** One line; npm shows `error` of JSON. */
function say(request: Request, { status, message, headers }: Refusal): Response {
  const isJson = request.headers.get('accept')?.includes('json') === true;
  const body = isJson ? JSON.stringify({ error: message }) : `${message}\n`;
  return new Response(request.method === 'HEAD' ? null : body, {
    status,
    headers: {
      ...headers,
      'cache-control': 'no-store',
      'content-type': isJson ? 'application/json' : 'text/plain; charset=utf-8',
      'content-length': String(Buffer.byteLength(body)),
      'x-content-type-options': 'nosniff',
    },
  });
}
