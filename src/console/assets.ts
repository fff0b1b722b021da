import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { gzipSync } from 'node:zlib';

/** The files of the pages, by name. */
export type AssetFiles = Readonly<Record<'app.js' | 'app.css', string>>;

export interface Asset {
  readonly type: string;
  readonly etag: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly gzipped: Uint8Array<ArrayBuffer>;
}

const TYPES: Readonly<Record<string, string>> = {
  'app.js': 'text/javascript; charset=utf-8',
  'app.css': 'text/css; charset=utf-8',
  'icon.svg': 'image/svg+xml',
};

const ICON =
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><rect width="16" height="16" rx="3" fill="#1f6feb"/>' +
  '<path d="M4 3v10M12 3v10M4 8h8" stroke="#fff" stroke-width="2" fill="none"/></svg>';

/** What browsers load: made when the package is packed, or, in a checkout, now. */
export async function readAssets(): Promise<ReadonlyMap<string, Asset>> {
  const files = import.meta.url.endsWith('.ts') ? await build() : await packed();
  return new Map(
    Object.entries({ ...files, 'icon.svg': ICON }).map(([name, text]) => {
      const bytes = new Uint8Array(Buffer.from(text));
      const etag = `"${createHash('sha256').update(bytes).digest('base64url').slice(0, 22)}"`;
      return [name, { type: TYPES[name]!, etag, bytes, gzipped: new Uint8Array(gzipSync(bytes)) }];
    }),
  );
}

async function packed(): Promise<AssetFiles> {
  const read = (name: string) => readFile(new URL(`./assets/${name}`, import.meta.url), 'utf8');
  return { 'app.js': await read('app.js'), 'app.css': await read('app.css') };
}

/** The bundler is not a dependency of the package, so that only a checkout has it. */
async function build(): Promise<AssetFiles> {
  const script = new URL('../../scripts/console-assets.ts', import.meta.url).href;
  const { consoleAssets } = (await import(script)) as { consoleAssets(): Promise<AssetFiles> };
  return consoleAssets();
}
