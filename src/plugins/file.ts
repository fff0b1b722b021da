import { createReadStream } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import {
  type DeclaredContent,
  declare,
  defineContentType,
  definePlugin,
  InvalidContentError,
  type PluginContext,
  pathFault,
  pluginSettings,
  type Served,
  type ServeRequest,
  type StageContext,
  upstreamUrl,
  type VersionView,
} from '../sync/index.ts';
import { type Line, linesOf } from './lines.ts';

const MANIFEST = 'PULP_MANIFEST';

const settingsSchema = pluginSettings.extend({
  /** Of the manifest, or of its folder, with a slash at the end. */
  url: upstreamUrl,
});

export type FileSettings = z.output<typeof settingsSchema>;

const file = defineContentType({
  name: 'file',
  metadata: z.strictObject({ path: z.string(), sha256: z.string(), size: z.int().min(0) }),
  key: ({ path }) => [path],
  onChange: 'replace',
});

/**
 * Files that a PULP_MANIFEST lists: a line `name,sha256,size` for each. A name may have commas in it; empty lines and those that
 * begin with `#` say nothing. The manifest is downloaded as a whole, so that half of one is an error and no smaller repository.
 */
export const filePlugin = definePlugin<FileSettings>({
  name: 'file',
  settings: settingsSchema,
  contentTypes: [file],
  first: (settings, context) => (stage) => readManifest(settings, context, stage),
  serve,
});

async function* readManifest(
  { url }: FileSettings,
  { downloader, store }: PluginContext,
  { signal }: StageContext,
): AsyncGenerator<readonly DeclaredContent[]> {
  const at = new URL(url.endsWith('/') ? url + MANIFEST : url);
  const into = store ?? { downloads: join(tmpdir(), 'holdfast-downloads') };
  await using manifest = await downloader.download({ urls: [at], into, signal, describe: 'the manifest' });
  const refuse = (line: number, reason: string, cause?: unknown) =>
    new InvalidContentError(file.name, `${manifest.url}, line ${line}: ${reason}`, { cause });
  for await (const lines of linesOf(createReadStream(manifest.path), refuse))
    yield lines.flatMap((line) => declareLine(line, at, refuse) ?? []);
}

type Refuse = (line: number, reason: string) => Error;

function declareLine({ number, text }: Line, manifest: URL, refuse: Refuse): DeclaredContent | undefined {
  const line = text.trim();
  if (line === '' || line.startsWith('#')) return undefined;
  const parts = line.split(',').map((part) => part.trim());
  // From the right, as Pulp does: a name may have commas in it.
  const [size = '', sha256 = ''] = [parts.pop(), parts.pop()];
  const path = line.slice(0, line.lastIndexOf(',', line.lastIndexOf(',') - 1)).trim();
  if (parts.length === 0 || path === '') throw refuse(number, 'expected name,sha256,size');
  if (!/^[0-9a-f]{64}$/i.test(sha256))
    throw refuse(number, 'expected name,sha256,size, where sha256 is 64 hexadecimal digits');
  if (!/^\d+$/.test(size) || !Number.isSafeInteger(Number(size)))
    throw refuse(number, 'expected name,sha256,size, where size is a whole number of bytes');
  const fault = pathFault(path);
  if (fault !== undefined) throw refuse(number, `the name ${JSON.stringify(path)} ${fault}`);
  const known = { sha256: sha256.toLowerCase(), size: Number(size) };
  return declare(file, {
    metadata: { path, ...known },
    artifacts: [
      { path, urls: [fileUrl(path, manifest)], digests: { sha256: known.sha256 }, size: known.size },
    ],
  });
}

function fileUrl(path: string, manifest: URL): string {
  // `./` so that a name with a colon is no URL of its own.
  return new URL(`./${path.split('/').map(encodeURIComponent).join('/')}`, manifest).href;
}

async function serve({ path }: ServeRequest, view: VersionView): Promise<Served | undefined> {
  if (path === MANIFEST) return { kind: 'document', body: await manifestOf(view), contentType: 'text/plain' };
  const [found] = await view.named(file.name, path);
  return found && { kind: 'file', contentId: found.contentId, path };
}

async function manifestOf(view: VersionView): Promise<string> {
  const lines: string[] = [];
  for await (const { metadata } of view.contents(file.name)) {
    const { path, sha256, size } = file.metadata.parse(metadata);
    lines.push(`${path},${sha256},${size}\n`);
  }
  return lines.sort().join('');
}
