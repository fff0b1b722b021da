import { z } from 'zod';
import {
  type DeclaredContent,
  DownloadError,
  declare,
  InvalidContentError,
  type PluginContext,
  type StageContext,
} from '../../sync/index.ts';
import { npmPackage, npmVersion } from './content.ts';
import { checkPackageName, splitSpec, tarballName } from './names.ts';
import { best, fetchPackument, type Packument, type Release, registrySpec, select } from './packument.ts';
import type { NpmSettings } from './settings.ts';

/** Packages that are asked for at once. */
const LIMIT = 16;
/** Packages of a page of a scope. */
const PAGE = 250;

interface Wanted {
  readonly name: string;
  readonly wanted: string;
  /** Another package asks for it, so that one version is enough, and none is no error. */
  readonly isDependency: boolean;
}

/** The packages that the settings name, as they come; each document is asked for once. */
export class Crawl {
  readonly #settings: NpmSettings;
  readonly #downloader: PluginContext['downloader'];
  readonly #context: StageContext;
  readonly #stopping = new AbortController();
  readonly #signal: AbortSignal;
  readonly #waiting: Wanted[] = [];
  readonly #seen = new Set<string>();
  readonly #packuments = new Map<string, Promise<Packument>>();
  readonly #declared = new Set<string>();
  #ready: DeclaredContent[] = [];
  readonly #running = new Set<Promise<void>>();
  #failure: { readonly error: unknown } | undefined;

  constructor(settings: NpmSettings, { downloader }: PluginContext, context: StageContext) {
    this.#settings = settings;
    this.#downloader = downloader;
    this.#context = context;
    this.#signal = AbortSignal.any([context.signal, this.#stopping.signal]);
  }

  async *run(): AsyncGenerator<readonly DeclaredContent[]> {
    const { packages, versions } = this.#settings;
    for (const spec of packages) {
      const { name, wanted = versions } = splitSpec(spec);
      this.#want({ name: checkPackageName(name), wanted, isDependency: false });
    }
    try {
      yield* this.#drain();
      for (const scope of this.#settings.scopes)
        for await (const names of this.#namesIn(scope)) {
          for (const name of names) this.#want({ name, wanted: versions, isDependency: false });
          yield* this.#drain();
        }
    } finally {
      this.#stopping.abort(new DOMException('the sync has ended', 'AbortError'));
      await Promise.all(this.#running);
    }
  }

  async *#drain(): AsyncGenerator<readonly DeclaredContent[]> {
    for (;;) {
      while (this.#running.size < LIMIT && this.#waiting.length > 0) this.#begin(this.#waiting.pop()!);
      if (this.#failure) throw this.#failure.error;
      if (this.#ready.length > 0) {
        const items = this.#ready;
        this.#ready = [];
        yield items;
      } else if (this.#running.size > 0) await Promise.race(this.#running);
      else return;
    }
  }

  #want(wanted: Wanted): void {
    const key = `${wanted.isDependency} ${wanted.name} ${wanted.wanted}`;
    if (this.#seen.has(key)) return;
    this.#seen.add(key);
    this.#waiting.push(wanted);
  }

  #begin(wanted: Wanted): void {
    const running = this.#visit(wanted)
      .catch((error: unknown) => {
        this.#failure ??= { error };
      })
      .finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  async #visit({ name, wanted, isDependency }: Wanted): Promise<void> {
    let packument: Packument;
    try {
      packument = await this.#packument(name);
    } catch (error) {
      if (!isDependency || !(error instanceof DownloadError) || error.status !== 404) throw error;
      this.#context.count('dependencies not found');
      return;
    }
    const releases = (isDependency ? best : select)(packument, wanted);
    if (releases.length === 0) {
      if (!isDependency)
        throw new InvalidContentError(
          'npm-version',
          `no version of ${name} is ${JSON.stringify(wanted)}; it has ${packument.releases.length}, and ${packument.unusable} that cannot be used`,
        );
      this.#context.count('dependencies not found');
    }
    for (const release of releases) this.#declare(packument, release);
  }

  async #packument(name: string): Promise<Packument> {
    const asked = this.#packuments.get(name);
    if (asked) return asked;
    const { url, maxPackages } = this.#settings;
    if (this.#packuments.size >= maxPackages)
      throw new InvalidContentError(
        'npm-package',
        `more than ${maxPackages} packages: ask for fewer, or raise the setting maxPackages`,
      );
    const asking = fetchPackument(this.#downloader, url, name, this.#signal);
    this.#packuments.set(name, asking);
    const { unusable } = await asking;
    if (unusable > 0) this.#context.count('versions that cannot be used', unusable);
    return asking;
  }

  #declare(packument: Packument, { version, tarball, digests, needs }: Release): void {
    const { name, distTags, deprecated } = packument;
    if (!this.#once(name))
      this.#ready.push(declare(npmPackage, { metadata: { name, distTags, deprecated } }));
    if (this.#once(`${name}@${version}`)) return;
    this.#ready.push(
      declare(npmVersion, {
        key: [name, version],
        artifacts: [{ path: tarballName(name, version), urls: [tarball], digests }],
      }),
    );
    if (!this.#settings.dependencies) return;
    for (const [alias, spec] of needs) {
      const need = registrySpec(alias, spec);
      if (need) this.#want({ ...need, isDependency: true });
      else this.#context.count('dependencies from elsewhere');
    }
  }

  /** Whether it was declared before; from now on it is. */
  #once(what: string): boolean {
    if (this.#declared.has(what)) return true;
    this.#declared.add(what);
    return false;
  }

  /** The names of the packages of a scope, as the registry's search gives them; page by page. */
  async *#namesIn(scope: string): AsyncGenerator<readonly string[]> {
    const { url } = this.#settings;
    const base = url.endsWith('/') ? url : `${url}/`;
    for (let from = 0; ; from += PAGE) {
      const at = new URL(`-/v1/search?text=scope:${scope.slice(1)}&size=${PAGE}&from=${from}`, base);
      const { content } = await this.#downloader.json(at, {
        describe: `the packages of ${scope}`,
        signal: this.#signal,
      });
      const { success, data } = searchSchema.safeParse(content);
      if (!success)
        throw new InvalidContentError(
          'npm-package',
          `the registry's search does not tell what is in ${scope}`,
        );
      const names = data.objects.map((one) => one.package.name);
      // Search is by likeness: it may give others.
      yield names.filter((name) => name.startsWith(`${scope}/`)).map(checkPackageName);
      if (names.length < PAGE) return;
    }
  }
}

const searchSchema = z.looseObject({
  objects: z.array(z.looseObject({ package: z.looseObject({ name: z.string() }) })),
});
