import { z } from 'zod';
import { Downloader } from '../artifacts/index.ts';
import { assertFunction, checkOptions, invalidOption, nameSchema } from '../base/index.ts';
import { Work } from '../work/index.ts';
import type { PluginSettings, SyncPlugin } from './plugin.ts';
import { getRepository } from './repository.ts';
import type { Changer } from './repository-work.ts';
import { type ChangeOptions, type SyncOptions, type SyncResult, sync } from './sync.ts';

const pluginSchema = z.looseObject({
  name: nameSchema,
  settings: z.instanceof(z.ZodType, { error: 'expected a zod schema' }),
});

/** A plugin as it is, checked, with the type of its settings. Throws MisuseError. */
export function definePlugin<Settings extends PluginSettings>(
  plugin: SyncPlugin<Settings>,
): SyncPlugin<Settings> {
  checkOptions(pluginSchema, plugin);
  assertFunction(`plugin ${plugin.name}: first`, plugin.first);
  return plugin;
}

export interface SyncRepositoryOptions
  extends Pick<
    ChangeOptions,
    'store' | 'downloader' | 'signal' | 'onProgress' | 'stages' | 'onItemError' | 'skipLimit'
  > {
  /** Those that the program knows. */
  readonly plugins: readonly SyncPlugin[];
}

/**
 * Syncs a repository by its plugin and its settings, as they are in the database; what the options say of failed items wins
 * over them. Throws MisuseError when no such plugin is given, or the settings are not its own; else as `sync`.
 */
export async function syncRepository(
  on: Changer,
  repository: string,
  { plugins, stages, ...options }: SyncRepositoryOptions,
): Promise<SyncResult> {
  const { plugin: wanted, settings: given } = await getRepository(
    on instanceof Work ? on.session : on,
    repository,
  );
  const plugin = pluginOf(plugins, repository, wanted);
  const settings = checkOptions(plugin.settings, given);
  const { policy, mirror, onItemError, skipLimit } = settings;
  const downloader = options.downloader ?? new Downloader();
  const context = { downloader, store: options.store };
  const pipeline: SyncOptions['stages'] = (given) => {
    const made = plugin.stages?.(given, settings, context) ?? given;
    return stages?.(made) ?? made;
  };
  try {
    return await sync(on, repository, plugin.first(settings, context), {
      ...{ policy, mirror, onItemError, skipLimit },
      ...options,
      downloader,
      stages: pipeline,
    });
  } finally {
    if (downloader !== options.downloader) await downloader.close();
  }
}

/** The plugin of a repository, of those that the program knows. Throws MisuseError. */
export function pluginOf(
  plugins: readonly SyncPlugin[],
  repository: string,
  name: string | undefined,
): SyncPlugin {
  if (name === undefined) throw invalidOption('repository', `${repository} has no plugin`);
  const found = plugins.find((one) => one.name === name);
  if (found) return found;
  const known = plugins.map((one) => one.name).join(', ');
  throw invalidOption('plugins', `${repository} has the plugin ${name}; known are ${known || 'none'}`);
}
