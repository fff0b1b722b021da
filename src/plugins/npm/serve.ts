import semver from 'semver';
import type { Served, ServeRequest, VersionContent, VersionView } from '../../sync/index.ts';
import { npmPackage, npmVersion } from './content.ts';
import { isPackageName, tarballName } from './names.ts';

/** `name`, `name/-/file.tgz` and `name/version`, as a registry has them. */
export async function serve({ path, base }: ServeRequest, view: VersionView): Promise<Served | undefined> {
  const parts = path.split('/');
  const name = parts.splice(0, path.startsWith('@') ? 2 : 1).join('/');
  if (!isPackageName(name) || parts.length > 2) return undefined;
  const held = await view.named(npmVersion.name, name);
  if (held.length === 0) return undefined;
  const [first, file] = parts;
  if (file !== undefined) return first === '-' ? tarball(held, name, file) : undefined;
  const [about] = await view.named(npmPackage.name, name);
  const packument = packumentOf(name, held, about, base);
  if (first === undefined) return json(packument);
  const tagged = Object.hasOwn(packument['dist-tags'], first) ? packument['dist-tags'][first]! : first;
  return Object.hasOwn(packument.versions, tagged) ? json(packument.versions[tagged]) : undefined;
}

const json = (value: unknown): Served => ({
  kind: 'document',
  body: JSON.stringify(value),
  contentType: 'application/json',
});

function tarball(held: readonly VersionContent[], name: string, file: string): Served | undefined {
  const found = held.find(({ key }) => tarballName(name, String(key[1])) === file);
  return found && { kind: 'file', contentId: found.contentId, path: file };
}

function packumentOf(
  name: string,
  held: readonly VersionContent[],
  about: VersionContent | undefined,
  base: string,
) {
  const { distTags = {}, deprecated = {} } = about ? npmPackage.metadata.parse(about.metadata) : {};
  const manifests = held
    .map(({ metadata }) => npmVersion.metadata.parse(metadata))
    .sort((a, b) => semver.compare(a.version, b.version));
  const versions = Object.fromEntries(
    manifests.map(({ dist, ...manifest }) => {
      const { version } = manifest;
      const reason = deprecated[version];
      const url = `${base}/${name}/-/${tarballName(name, version)}`;
      return [
        version,
        {
          ...manifest,
          ...(reason === undefined ? {} : { deprecated: reason }),
          dist: { ...dist, tarball: url },
        },
      ];
    }),
  );
  const tags = Object.fromEntries(
    Object.entries(distTags).filter(([, version]) => Object.hasOwn(versions, version)),
  );
  // Clients want this tag; where upstream's names a version that is not held, it is the newest one that is.
  const all = manifests.map(({ version }) => version);
  tags['latest'] ??= semver.maxSatisfying(all, '*') ?? all.at(-1)!;
  return { _id: name, name, 'dist-tags': tags, versions };
}
