/** A small npm registry of this process: its packages may come and go, and it counts what it is asked for. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileOf, manifestOf, type PackedPackage, packumentOf } from './packages.ts';

export interface Asked {
  readonly documents: number;
  readonly manifests: number;
  readonly tarballs: number;
}

export class Registry implements AsyncDisposable {
  readonly #packages = new Map<string, PackedPackage[]>();
  readonly #server = createServer((request, response) => this.#answer(request, response));
  #asked = { documents: 0, manifests: 0, tarballs: 0 };
  #mostTarballs = Infinity;

  static async start(): Promise<Registry> {
    const registry = new Registry();
    registry.#server.listen(0, '127.0.0.1');
    await once(registry.#server, 'listening');
    return registry;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** What was asked for since the last `forget`. */
  get asked(): Asked {
    return { ...this.#asked };
  }

  forget(): void {
    this.#asked = { documents: 0, manifests: 0, tarballs: 0 };
  }

  /** The version that comes last has the tag `latest`. */
  publish(packed: PackedPackage): void {
    this.#packages.set(packed.name, [...this.#versions(packed.name), packed]);
  }

  unpublish({ name, version }: PackedPackage): void {
    this.#packages.set(
      name,
      this.#versions(name).filter((one) => one.version !== version),
    );
  }

  /** Tarballs beyond so many are not answered. */
  stallAfter(tarballs: number): void {
    this.#mostTarballs = tarballs;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  #versions(name: string): readonly PackedPackage[] {
    return this.#packages.get(name) ?? [];
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const parts = decodeURIComponent(request.url!).slice(1).split('/');
    const versions = this.#versions(parts.splice(0, parts[0]!.startsWith('@') ? 2 : 1).join('/'));
    const [first, file] = parts;
    if (file !== undefined) {
      this.#asked.tarballs++;
      if (this.#asked.tarballs > this.#mostTarballs) return;
      const found = versions.find((packed) => fileOf(packed) === file);
      if (found) response.setHeader('content-length', found.tarball.length).end(found.tarball);
      else response.writeHead(404).end();
      return;
    }
    if (first === undefined) this.#asked.documents++;
    else this.#asked.manifests++;
    const found = versions.find(({ version }) => version === first);
    const body =
      first === undefined && versions.length > 0
        ? packumentOf(versions, this.url)
        : found && manifestOf(found, this.url);
    response.writeHead(body ? 200 : 404, { 'content-type': 'application/json' });
    response.end(JSON.stringify(body ?? { error: 'not found' }));
  }
}
