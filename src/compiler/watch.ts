import { watch } from 'node:fs';
import path from 'node:path';
import type { CompileConfig } from './config.ts';
import { OWN_SCHEMA } from './engine/schema.ts';
import type { TargetFiles } from './sources.ts';

/**
 * Calls `changed` once for every burst of changes to the .sql files of the targets or to the configuration,
 * one call at a time, until `signal` aborts. Calls `ready` when it has begun to watch.
 */
export async function watchSources(
  config: CompileConfig,
  targets: readonly TargetFiles[],
  changed: () => Promise<void>,
  signal: AbortSignal,
  ready: () => void = () => {},
): Promise<void> {
  const entries = targets
    .flatMap(({ target }) => [...target.queries, ...target.schema])
    .filter((entry) => entry !== OWN_SCHEMA);
  // A pattern is watched from the folder that is above all that fit it.
  const folders = new Set(
    entries.map((entry) => {
      const plain = entry.replace(/(?:^|[^/\\]*)[*?].*$/, '') || '.';
      return path.resolve(config.root, plain.endsWith('.sql') ? path.dirname(plain) : plain);
    }),
  );
  let wake: (() => void) | undefined;
  let dirty = false;
  const notice = () => {
    dirty = true;
    wake?.();
  };
  const watchers = [...folders].map((folder) =>
    watch(folder, { recursive: true, signal }, (_event, name) => {
      if (name?.endsWith('.sql')) notice();
    }),
  );
  watchers.push(
    watch(config.root, { signal }, (_event, name) => {
      if (name === config.path) notice();
    }),
  );
  for (const { target } of targets) {
    if (target.rules === undefined) continue;
    const rules = path.resolve(config.root, target.rules);
    watchers.push(
      watch(path.dirname(rules), { signal }, (_event, name) => {
        if (name === path.basename(rules)) notice();
      }),
    );
  }
  signal.addEventListener('abort', notice, { once: true });
  ready();
  while (!signal.aborted) {
    if (!dirty)
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    if (signal.aborted) break;
    // Editors write a file in several steps.
    await new Promise((resolve) => setTimeout(resolve, 50));
    dirty = false;
    await changed();
  }
  for (const watcher of watchers) watcher.close();
}
