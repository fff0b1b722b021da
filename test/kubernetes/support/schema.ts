import * as client from '@kubernetes/client-node';
import { type Manifest, titleOf } from './render.ts';

/** The release whose schemas these are; docs/kubernetes.md names it. */
export const RELEASE = '1.36';

/** The API versions that the project keeps to. */
const API_VERSIONS = [
  'v1',
  'apps/v1',
  'batch/v1',
  'policy/v1',
  'networking.k8s.io/v1',
  'autoscaling/v2',
  'rbac.authorization.k8s.io/v1',
];

interface Attribute {
  readonly baseName: string;
  readonly type: string;
}

/** What is wrong with an object by the schemas of Kubernetes; empty when nothing is. */
export async function schemaErrors(manifest: Manifest): Promise<string[]> {
  const { apiVersion, kind } = manifest;
  const title = titleOf(manifest);
  if (!API_VERSIONS.includes(apiVersion))
    return [`${title}: ${apiVersion} is not one of the API versions in use`];
  const [version, group] = apiVersion.split('/').reverse() as [string, string?];
  const path = ['kubernetes-models', ...(group ? [group] : []), version, kind].join('/');
  const module = await import(/* @vite-ignore */ path).catch(() => undefined);
  if (!module) return [`${title}: ${apiVersion} has no ${kind}`];
  const errors: string[] = [];
  try {
    new module[kind](manifest).validate();
  } catch (error) {
    errors.push(`${title}: ${(error as Error).message}`);
  }
  unknownFields(manifest, `${version.replace('v', 'V')}${kind}`, title, errors);
  return errors;
}

/** The schemas take fields that they do not know; a server that is asked strictly does not. */
function unknownFields(value: unknown, type: string, at: string, errors: string[]): void {
  const [, element] = /^Array<(.+)>$/.exec(type) ?? /^\{ \[key: string\]: (.+); \}$/.exec(type) ?? [];
  if (element !== undefined && typeof value === 'object' && value !== null) {
    for (const [key, item] of Object.entries(value)) unknownFields(item, element, `${at}.${key}`, errors);
    return;
  }
  const model = (client as unknown as Record<string, { getAttributeTypeMap?: () => readonly Attribute[] }>)[
    type
  ];
  const attributes = model?.getAttributeTypeMap?.();
  if (!attributes || typeof value !== 'object' || value === null) return;
  for (const [key, item] of Object.entries(value)) {
    const attribute = attributes.find(({ baseName }) => baseName === key);
    if (!attribute) errors.push(`${at}.${key}: there is no such field`);
    else unknownFields(item, attribute.type, `${at}.${key}`, errors);
  }
}
