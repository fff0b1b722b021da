import dagre from '@dagrejs/dagre';
import { useMemo } from 'preact/hooks';
import type { Drawing } from '../wire.ts';
import { Scroll } from './scroll.tsx';

const INITIAL = '(initial)';
const nodeOf = (state: string | null) => (state === null ? INITIAL : `state ${state}`);
const widthOf = (text: string) => Math.max(24, text.length * 7 + 20);

interface Point {
  readonly x: number;
  readonly y: number;
}

/** The states, and where they are laid. */
function layOut({ states, transitions }: Drawing) {
  const graph = new dagre.graphlib.Graph({ multigraph: true });
  graph.setGraph({ rankdir: 'LR', nodesep: 24, ranksep: 36, edgesep: 14, marginx: 8, marginy: 16 });
  graph.setDefaultEdgeLabel(() => ({}));
  if (transitions.some(({ from }) => from === null)) graph.setNode(INITIAL, { width: 16, height: 16 });
  for (const state of states) graph.setNode(nodeOf(state), { width: widthOf(state), height: 34 });
  transitions.forEach((transition, i) => {
    const { from, to } = transition;
    const label = labelOf(transition);
    graph.setEdge(
      nodeOf(from),
      nodeOf(to),
      { width: label.length * 6 + 8, height: 16, labelpos: 'c' },
      String(i),
    );
  });
  dagre.layout(graph);
  return graph;
}

const labelOf = ({ label, isInFlight }: Drawing['transitions'][number]) =>
  isInFlight ? `${label} (in flight)` : label;

const pathOf = (points: readonly Point[]) =>
  points.map(({ x, y }, i) => `${i === 0 ? 'M' : 'L'}${x.toFixed(1)} ${y.toFixed(1)}`).join(' ');

/** A state machine, with the state that it is in and the transition that is in flight marked, by color and by word. */
export function Diagram({ name, drawing }: { readonly name: string; readonly drawing: Drawing }) {
  const { states, transitions, current } = drawing;
  const shape = JSON.stringify([states, transitions.map((one) => [one.from, one.to, labelOf(one)])]);
  const graph = useMemo(() => layOut(drawing), [shape]);
  const { width = 100, height = 100 } = graph.graph();
  const inFlight = transitions.find(({ isInFlight }) => isInFlight);
  const said = `${name}: the state is ${current ?? 'the initial one'}${
    inFlight ? `, and ${inFlight.label} to ${inFlight.to} is in flight` : ''
  }`;
  const id = `arrow-${name.replaceAll(/[^A-Za-z0-9]/g, '-')}`;
  return (
    <figure class="diagram">
      <figcaption>{said}</figcaption>
      <Scroll name={said}>
        <svg role="img" aria-label={said} width={width} height={height} viewBox={`0 0 ${width} ${height}`}>
          <title>{said}</title>
          <defs>
            {['', 'flying'].map((kind) => (
              <marker
                key={kind}
                id={id + kind}
                class={kind}
                viewBox="0 0 8 8"
                refX="7"
                refY="4"
                markerUnits="userSpaceOnUse"
                markerWidth="9"
                markerHeight="9"
                orient="auto"
              >
                <path d="M0 0 L8 4 L0 8 z" />
              </marker>
            ))}
          </defs>
          {transitions.map((transition, i) => {
            const edge = graph.edge({
              v: nodeOf(transition.from),
              w: nodeOf(transition.to),
              name: String(i),
            });
            const kind = transition.isInFlight ? 'flying' : '';
            return (
              <g key={i} class={`edge ${kind}`}>
                <path d={pathOf(edge.points ?? [])} marker-end={`url(#${id}${kind})`} />
                <text x={edge.x} y={(edge.y ?? 0) + 4} text-anchor="middle">
                  {labelOf(transition)}
                </text>
              </g>
            );
          })}
          {transitions.some(({ from }) => from === null) && (
            <circle
              class={current === null ? 'state-node now' : 'state-node initial'}
              cx={graph.node(INITIAL).x}
              cy={graph.node(INITIAL).y}
              r="7"
            />
          )}
          {states.map((state) => {
            const { x, y, width: w, height: h } = graph.node(nodeOf(state));
            const isNow = state === current;
            return (
              <g key={state} class={`state-node ${isNow ? 'now' : ''}`}>
                <rect x={x - w / 2} y={y - h / 2} width={w} height={h} rx="6" />
                <text x={x} y={y + 4} text-anchor="middle">
                  {state}
                </text>
                {isNow && (
                  <text class="mark" x={x} y={y - h / 2 - 4} text-anchor="middle">
                    now
                  </text>
                )}
              </g>
            );
          })}
        </svg>
      </Scroll>
    </figure>
  );
}
