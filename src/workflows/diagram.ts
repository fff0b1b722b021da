import type { StateOrInitial } from './definition.ts';

/** What a diagram needs of a definition; also as it was written down. */
export interface Drawn {
  readonly name: string;
  readonly states: readonly string[];
  readonly cancel?: string | undefined;
  readonly transitions: Readonly<
    Record<
      string,
      {
        readonly from: StateOrInitial | readonly StateOrInitial[];
        readonly to: string;
        readonly label?: string | undefined;
        readonly automatic?: boolean | undefined;
        readonly error?: string | undefined;
        readonly after?: { readonly ms: number } | undefined;
        readonly signal?: string | undefined;
      }
    >
  >;
}

export type DiagramFormat = 'mermaid' | 'dot';

interface Edge {
  readonly from: StateOrInitial;
  readonly to: string;
  readonly label: string;
  readonly isError: boolean;
}

/** The states and transitions as the text of a diagram. */
export function diagram(drawn: Drawn, format: DiagramFormat): string {
  const edges = edgesOf(drawn);
  const final = drawn.states.filter((state) => !edges.some(({ from }) => from === state));
  return format === 'dot' ? dot(drawn, edges, final) : mermaid(drawn, edges, final);
}

function edgesOf({ transitions, cancel }: Drawn): Edge[] {
  const errors = new Set(Object.values(transitions).flatMap(({ error }) => error ?? []));
  return Object.entries(transitions).flatMap(([id, { from, to, label, automatic, after, signal }]) => {
    const trigger = automatic
      ? ' (automatic)'
      : after
        ? ` (after ${after.ms} ms)`
        : signal
          ? ` (signal ${signal})`
          : id === cancel
            ? ' (cancel)'
            : '';
    const sources = Array.isArray(from) ? (from as StateOrInitial[]) : [from as StateOrInitial];
    return sources.map((source) => ({
      from: source,
      to,
      label: `${label ?? id}${trigger}`,
      isError: errors.has(id),
    }));
  });
}

function mermaid({ states }: Drawn, edges: readonly Edge[], final: readonly string[]): string {
  // Names with dots and dashes are no identifiers there.
  const id = (state: StateOrInitial) => (state === null ? '[*]' : `s${states.indexOf(state)}`);
  return [
    'stateDiagram-v2',
    ...states.map((state) => `  state "${state}" as ${id(state)}`),
    ...edges.map(
      ({ from, to, label }) => `  ${id(from)} --> ${id(to)}: ${label.replaceAll(/[:;\n"]/g, ' ')}`,
    ),
    ...final.map((state) => `  ${id(state)} --> [*]`),
    '',
  ].join('\n');
}

function dot({ name, states }: Drawn, edges: readonly Edge[], final: readonly string[]): string {
  const quoted = (text: string) => `"${text.replaceAll(/["\\]/g, '\\$&').replaceAll('\n', ' ')}"`;
  const id = (state: StateOrInitial) => (state === null ? '"(initial)"' : quoted(state));
  return [
    `digraph ${quoted(name)} {`,
    '  "(initial)" [shape=point];',
    ...states.map((state) => `  ${id(state)} [shape=${final.includes(state) ? 'doublecircle' : 'ellipse'}];`),
    ...edges.map(
      ({ from, to, label, isError }) =>
        `  ${id(from)} -> ${id(to)} [label=${quoted(label)}${isError ? ', style=dashed' : ''}];`,
    ),
    '}',
    '',
  ].join('\n');
}
