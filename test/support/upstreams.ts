import { createHash } from 'node:crypto';
import { fileOf, manifestOf, type PackedPackage, packumentOf } from '../../examples/sync/packages.ts';
import { type Answer, type ScriptedServer, whole } from '../artifacts/support/server.ts';

export const sha256Of = (body: string | Buffer) => createHash('sha256').update(body).digest('hex');

/** Announces more than it sends, and cuts the connection. */
export const cut: Answer = (response) => {
  response.writeHead(200, { 'content-length': 1_000 });
  response.write('a,', () => response.destroy());
};

const encoded = (path: string) => path.split('/').map(encodeURIComponent).join('/');

/** Publishes files under a folder of the server, with a PULP_MANIFEST that lists them. Gives the folder's URL. */
export function publishFiles(
  server: ScriptedServer,
  folder: string,
  files: Readonly<Record<string, string>>,
): string {
  const lines = Object.entries(files).map(
    ([path, body]) => `${path},${sha256Of(body)},${Buffer.byteLength(body)}\n`,
  );
  for (const [path, body] of Object.entries(files)) server.script(`/${folder}/${encoded(path)}`, whole(body));
  server.script(`/${folder}/PULP_MANIFEST`, whole(lines.join('')));
  return `${server.origin}/${folder}/`;
}

/** How often files of a folder were asked for, its manifest aside. */
export const filesAsked = (server: ScriptedServer, folder: string): number =>
  server.requests.filter(({ path }) => path.startsWith(`/${folder}/`) && path !== `/${folder}/PULP_MANIFEST`)
    .length;

const json = (body: unknown): Answer => whole(JSON.stringify(body), { 'content-type': 'application/json' });

/** An npm registry with some packages, at the root of a server; faults are scripted before the real answer. */
export class NpmUpstream {
  readonly server: ScriptedServer;
  readonly #packages = new Map<string, PackedPackage[]>();

  constructor(server: ScriptedServer) {
    this.server = server;
  }

  get url(): string {
    return this.server.origin;
  }

  publish(...versions: readonly PackedPackage[]): void {
    for (const packed of versions) {
      const { name, version, tarball } = packed;
      const known = this.#packages.get(name) ?? [];
      this.#packages.set(name, [...known.filter((one) => one.version !== version), packed]);
      this.server.script(this.manifestPath(packed), json(manifestOf(packed, this.url)));
      this.server.script(this.tarballPath(packed), whole(tarball));
      this.#describe(name);
    }
  }

  unpublish({ name, version }: PackedPackage): void {
    this.#packages.set(
      name,
      this.#packages.get(name)!.filter((one) => one.version !== version),
    );
    this.#describe(name);
  }

  /** The named tags beside `latest`, and messages of deprecated versions. */
  annotate(
    name: string,
    { tags = {}, deprecated = {} }: { tags?: Record<string, string>; deprecated?: Record<string, string> },
  ): void {
    const document = packumentOf(this.#packages.get(name)!, this.url) as {
      'dist-tags': Record<string, string>;
      versions: Record<string, Record<string, unknown>>;
    };
    Object.assign(document['dist-tags'], tags);
    for (const [version, reason] of Object.entries(deprecated))
      document.versions[version]!['deprecated'] = reason;
    this.server.script(packumentPath(name), json(document));
  }

  manifestPath({ name, version }: PackedPackage): string {
    return `${packumentPath(name)}/${version}`;
  }

  tarballPath(packed: PackedPackage): string {
    return `/${packed.name}/-/${fileOf(packed)}`;
  }

  /** These answers come first, the real one behind them. */
  failManifest(packed: PackedPackage, ...faults: Answer[]): void {
    this.server.script(this.manifestPath(packed), ...faults, json(manifestOf(packed, this.url)));
  }

  failTarball(packed: PackedPackage, ...faults: Answer[]): void {
    this.server.script(this.tarballPath(packed), ...faults, whole(packed.tarball));
  }

  /** Requests so far, by what they are for. */
  get counts(): { readonly packuments: number; readonly manifests: number; readonly tarballs: number } {
    const paths = this.server.requests.map(({ path }) => path);
    const tarballs = paths.filter((path) => path.endsWith('.tgz')).length;
    const packuments = paths.filter((path) => !path.slice(1).includes('/')).length;
    const manifests = paths.filter((path) => /^\/[^/]+\/\d[^/]*$/.test(path)).length;
    return { packuments, manifests, tarballs };
  }

  /** Forgets the requests so far. */
  reset(): void {
    this.server.requests.length = 0;
  }

  #describe(name: string): void {
    this.server.script(packumentPath(name), json(packumentOf(this.#packages.get(name)!, this.url)));
  }
}

const packumentPath = (name: string) => `/${name.replace('/', '%2f')}`;
