import { z } from 'zod';
import {
  type DeclaredContent,
  type Downloader,
  definePlugin,
  InvalidContentError,
  parseIntegrity,
  perItem,
  type Stage,
} from '../../sync/index.ts';
import { npmPackage, npmVersion } from './content.ts';
import { Crawl } from './crawl.ts';
import { registryUrl } from './names.ts';
import { serve } from './serve.ts';
import { type NpmSettings, settingsSchema } from './settings.ts';

/**
 * Packages of an npm registry. The short document of a package says which versions there are; the whole manifest of one is
 * asked for only where its version is new, in a stage of its own, many at once.
 */
export const npmPlugin = definePlugin<NpmSettings>({
  name: 'npm',
  settings: settingsSchema,
  contentTypes: [npmPackage, npmVersion],
  first: (settings, context) => (stage) => new Crawl(settings, context, stage).run(),
  stages: (pipeline, { url }, { downloader }) =>
    pipeline.after('query-existing-artifacts', fetchManifests(url, downloader)),
  serve,
});

const manifestSchema = z.looseObject({
  name: z.string(),
  version: z.string(),
  dist: z.looseObject({ integrity: z.string().optional() }),
});

/** The second request: an item without its metadata is not saved, so none is ever there with what the first one says. */
function fetchManifests(registry: string, downloader: Downloader): Stage<DeclaredContent> {
  return perItem('fetch-npm-manifests', async (item, { signal }) => {
    if (item.type.name !== npmVersion.name || item.isComplete || item.isKnown) return;
    const [name, version] = JSON.parse(item.key) as [string, string];
    const url = registryUrl(registry, name, version);
    const { content } = await downloader.json(url, { describe: `manifest of ${name} ${version}`, signal });
    const { success, data } = manifestSchema.safeParse(content);
    if (!success || data.name !== name || data.version !== version)
      throw new InvalidContentError('npm-version', `${url}: expected the manifest of ${name} ${version}`);
    // Where the tarball is and whether it is deprecated is not for a version that never changes.
    const { dist, deprecated: _, ...manifest } = data;
    const { tarball: __, ...lasting } = dist;
    const [first, second] = [item.artifacts[0]?.digests.sha512, sha512Of(dist.integrity)];
    if (first !== undefined && second !== undefined && first !== second)
      throw new InvalidContentError(
        'npm-version',
        `${name} ${version}: its sha512 is ${first} in the package's document and ${second} in its manifest`,
      );
    item.complete({ ...manifest, dist: lasting });
  });
}

const sha512Of = (integrity: string | undefined) =>
  integrity === undefined || integrity === '' ? undefined : parseIntegrity(integrity).sha512;
