import { InvalidContentError } from '../../sync/index.ts';

/** As names of packages are, also old ones with capitals; nothing that leaves a folder or begins another URL. */
const NAME = /^(?:@[a-z0-9~_-][a-z0-9._~-]*\/)?[a-z0-9~_-][a-z0-9._~-]*$/i;

export const isPackageName = (name: string): boolean => NAME.test(name) && name.length <= 214;

/** Throws InvalidContentError for what is no name of a package. */
export function checkPackageName(name: string): string {
  if (isPackageName(name)) return name;
  throw new InvalidContentError('npm-package', `${JSON.stringify(name)} is no name of a package`);
}

/** `name` or `name@wanted`, where the name may have a scope. */
export function splitSpec(spec: string): { readonly name: string; readonly wanted: string | undefined } {
  const at = spec.indexOf('@', 1);
  return at < 0 ? { name: spec, wanted: undefined } : { name: spec.slice(0, at), wanted: spec.slice(at + 1) };
}

/** `lodash-4.17.21.tgz`: the name of its file, without its scope. */
export const tarballName = (name: string, version: string): string =>
  `${name.slice(name.indexOf('/') + 1)}-${version}.tgz`;

/** URL of a document of a registry. */
export function registryUrl(registry: string, name: string, version?: string): string {
  const base = registry.endsWith('/') ? registry : `${registry}/`;
  const path = name.replace('/', '%2f');
  return new URL(version === undefined ? path : `${path}/${encodeURIComponent(version)}`, base).href;
}
