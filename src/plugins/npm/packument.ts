import semver from 'semver';
import { z } from 'zod';
import { type Digests, type Downloader, InvalidContentError, parseIntegrity } from '../../sync/index.ts';
import { isPackageName, registryUrl, splitSpec } from './names.ts';

/** The short form, which has what an installation needs; a registry that does not know it gives the long one. */
const ACCEPT = 'application/vnd.npm.install-v1+json; q=1.0, application/json; q=0.8';

const textsSchema = z.record(z.string(), z.string()).catch({});

const releaseSchema = z.looseObject({
  dependencies: textsSchema,
  optionalDependencies: textsSchema,
  peerDependencies: textsSchema,
  peerDependenciesMeta: z.record(z.string(), z.looseObject({ optional: z.boolean().optional() })).catch({}),
  deprecated: z.unknown().optional(),
  dist: z.looseObject({
    tarball: z.string(),
    integrity: z.string().optional(),
    shasum: z.string().optional(),
  }),
});

const packumentSchema = z.looseObject({
  name: z.string(),
  'dist-tags': z.record(z.string(), z.string()).default({}),
  versions: z.record(z.string(), z.unknown()),
});

/** What one version needs, and where its tarball is. */
export interface Release {
  readonly version: string;
  /** Names, or aliases, and what is wanted of them. */
  readonly needs: readonly (readonly [name: string, wanted: string])[];
  readonly tarball: string;
  readonly digests: Digests;
}

/** What a registry says of a package, as far as a sync needs it. */
export interface Packument {
  readonly name: string;
  readonly distTags: Readonly<Record<string, string>>;
  readonly deprecated: Readonly<Record<string, string>>;
  /** The newest first. */
  readonly releases: readonly Release[];
  /** How many more there are whose number is no version, or that have no tarball. */
  readonly unusable: number;
}

/** Throws as `downloader.json`, and InvalidContentError when it is not a package's document, or not that package's. */
export async function fetchPackument(
  downloader: Downloader,
  registry: string,
  name: string,
  signal: AbortSignal,
): Promise<Packument> {
  const url = registryUrl(registry, name);
  const { content } = await downloader.json(url, { accept: ACCEPT, describe: `package ${name}`, signal });
  const { success, data, error } = packumentSchema.safeParse(content);
  if (!success) {
    const [issue] = error.issues;
    throw new InvalidContentError('npm-package', `${url}: ${issue?.path.join('.')}: ${issue?.message}`);
  }
  if (data.name !== name)
    throw new InvalidContentError('npm-package', `${url}: expected the package ${name}, found ${data.name}`);
  const releases: Release[] = [];
  const deprecated: Record<string, string> = {};
  for (const [version, given] of Object.entries(data.versions)) {
    const release = releaseSchema.safeParse(given);
    if (semver.valid(version) !== version || !release.success) continue;
    const { dist, deprecated: reason } = release.data;
    const tarball = URL.parse(dist.tarball, url);
    if (!tarball) continue;
    tarball.username = '';
    tarball.password = '';
    if (typeof reason === 'string' && reason !== '') deprecated[version] = reason;
    releases.push({
      version,
      needs: needsOf(release.data),
      tarball: tarball.href,
      digests: digestsOf(dist, `${name} ${version}`),
    });
  }
  return {
    name,
    distTags: data['dist-tags'],
    deprecated,
    unusable: Object.keys(data.versions).length - releases.length,
    releases: releases.sort((a, b) => semver.rcompare(a.version, b.version)),
  };
}

function needsOf(release: z.output<typeof releaseSchema>): Release['needs'] {
  const peers = Object.entries(release.peerDependencies).filter(
    ([name]) => release.peerDependenciesMeta[name]?.optional !== true,
  );
  return Object.entries({
    ...Object.fromEntries(peers),
    ...release.dependencies,
    ...release.optionalDependencies,
  });
}

function digestsOf(
  { integrity, shasum }: { readonly integrity?: string | undefined; readonly shasum?: string | undefined },
  what: string,
): Digests {
  try {
    if (integrity !== undefined && integrity !== '') return parseIntegrity(integrity);
  } catch (cause) {
    throw new InvalidContentError('npm-version', `${what}: dist.integrity cannot be read`, { cause });
  }
  return shasum === undefined || shasum === '' ? {} : { sha1: shasum };
}

/** Which versions are wanted of a package: all, those that tags name, that of one tag, or those in a range. */
export function select({ distTags, releases }: Packument, wanted: string): readonly Release[] {
  if (wanted === 'all') return releases;
  if (wanted === 'dist-tags') {
    const tagged = new Set(Object.values(distTags));
    return releases.filter(({ version }) => tagged.has(version));
  }
  const range = semver.validRange(wanted);
  if (range === null) return releases.filter(({ version }) => version === distTags[wanted]);
  return releases.filter(({ version }) => semver.satisfies(version, range));
}

/** The version that a client takes for a dependency, or none: that of the tag `latest` if it will do, else the newest that does. */
export function best(packument: Packument, wanted: string): readonly Release[] {
  const fitting = select(packument, wanted === '' ? '*' : wanted);
  const latest = fitting.filter(({ version }) => version === packument.distTags['latest']);
  return (latest.length > 0 ? latest : fitting).slice(0, 1);
}

/** What a dependency asks the registry for; undefined: it comes from elsewhere, such as a Git repository. */
export function registrySpec(
  alias: string,
  spec: string,
): { readonly name: string; readonly wanted: string } | undefined {
  const { name, wanted } = spec.startsWith('npm:')
    ? splitSpec(spec.slice(4))
    : { name: alias, wanted: spec.trim() };
  if (!isPackageName(name) || (wanted !== undefined && /[:/]/.test(wanted))) return undefined;
  return { name, wanted: wanted ?? 'latest' };
}
