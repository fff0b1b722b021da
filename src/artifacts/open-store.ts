import { fileURLToPath } from 'node:url';
import { invalidOption } from '../base/index.ts';
import { directoryStore } from './directory-store.ts';
import { s3Store } from './s3-store.ts';
import type { ArtifactStore } from './store.ts';

/**
 * Opens the store that a text names: a path, `file:///path`, or `s3://bucket/prefix?endpoint=...&region=...`. Throws
 * MisuseError for a text that names none, ArtifactStoreError when the store cannot be used; neither shows a secret.
 */
export async function openStore(url: string): Promise<ArtifactStore> {
  const [, scheme] = /^([A-Za-z][A-Za-z0-9+.-]+):/.exec(url) ?? [];
  if (scheme === 's3') return await s3Store(url);
  if (scheme === 'file') return await directoryStore(pathOf(url));
  if (scheme !== undefined)
    throw invalidOption('store', `expected a path, file:///path or s3://bucket/prefix, not ${scheme}:`);
  if (url === '' || url.includes('\0'))
    throw invalidOption('store', 'expected a path, file:///path or s3://bucket/prefix');
  return await directoryStore(url);
}

function pathOf(url: string): string {
  try {
    return fileURLToPath(url);
  } catch {
    throw invalidOption('store', 'expected file:///path, with three slashes and without a host');
  }
}
