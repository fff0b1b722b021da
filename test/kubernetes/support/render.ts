import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseAllDocuments } from 'yaml';

/** An object of Kubernetes as an overlay renders it. */
// biome-ignore lint/suspicious/noExplicitAny: what is read from YAML is checked against the schemas first
export type Manifest = any;

export const OVERLAYS = ['local', 'production', 'machines'] as const;
export type Overlay = (typeof OVERLAYS)[number];

const folder = fileURLToPath(new URL('../../../k8s/', import.meta.url));

/** By the program that HOLDFAST_KUSTOMIZE names, else `kustomize` or `kubectl` on PATH. */
export function render(directory: string): Manifest[] {
  const programs = process.env['HOLDFAST_KUSTOMIZE']
    ? [[process.env['HOLDFAST_KUSTOMIZE'], 'build']]
    : [
        ['kustomize', 'build'],
        ['kubectl', 'kustomize'],
      ];
  for (const [program, command] of programs) {
    const { error, status, stdout, stderr } = spawnSync(program!, [command!, directory], {
      encoding: 'utf8',
    });
    if ((error as NodeJS.ErrnoException | undefined)?.code === 'ENOENT') continue;
    if (error || status !== 0) throw new Error(`${program} cannot render ${directory}: ${stderr || error}`);
    return parseAllDocuments(stdout).map((document) => {
      if (document.errors.length > 0) throw document.errors[0];
      return document.toJS();
    });
  }
  throw new Error(
    `nothing renders ${directory}: install kustomize 5 or kubectl 1.27 or newer (both are packages of Debian 13), or name one with HOLDFAST_KUSTOMIZE`,
  );
}

export const renderOverlay = (overlay: Overlay): Manifest[] => render(`${folder}overlays/${overlay}`);

/** What an object makes Pods from; undefined when it makes none. */
export const templateOf = ({ kind, spec, template }: Manifest): Manifest | undefined =>
  kind === 'PodTemplate' ? template : spec?.template;

export const titleOf = ({ kind, metadata }: Manifest): string => `${kind} ${metadata?.name}`;
