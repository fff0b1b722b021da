/** What is seen of the demo: a table that refreshes in a terminal, plain lines anywhere else. */
import { clearScreenDown, moveCursor } from 'node:readline';
import type { WriteStream } from 'node:tty';
import { stripVTControlCharacters, styleText } from 'node:util';
import type { Child } from './child.ts';
import { countStates, type FleetView, isHeldBy } from './fleet-view.ts';

export interface Board {
  /** Something happened. */
  event(text: string): void;
  /** How things are now. */
  update(view: FleetView, children: readonly Child[]): void;
  /** Leaves the last picture standing. */
  close(): void;
}

type Style = Parameters<typeof styleText>[0];

const STATE_STYLES: Readonly<Record<string, Style>> = {
  running: 'green',
  installing: 'cyan',
  reporting: 'cyan',
  starting: 'cyan',
  provided: 'yellow',
  wanted: 'yellow',
  silent: 'red',
  missing: 'red',
  unwanted: 'gray',
  killed: 'red',
  failed: 'red',
  stopped: 'gray',
};

const EVENTS_SHOWN = 6;
const clock = (sinceMs: number) => `${((performance.now() - sinceMs) / 1000).toFixed(1).padStart(5)} s`;

/** Every event a line, and a line whenever the machines' states have changed. */
export function createPlainBoard(write: (line: string) => void): Board {
  const startedMs = performance.now();
  let shown = '';
  return {
    event: (text) => write(`${clock(startedMs)}  ${text}`),
    update({ machines, held }) {
      const line = `machines: ${countStates(machines)}${held.length > 0 ? `; work held: ${held.length}` : ''}`;
      if (line === shown) return;
      shown = line;
      write(`${clock(startedMs)}    ${line}`);
    },
    close: () => {},
  };
}

/** Redraws itself in place. */
export function createTerminalBoard(terminal: WriteStream): Board {
  const startedMs = performance.now();
  const events: string[] = [];
  let height = 0;
  let last: [FleetView, readonly Child[]] = [{ machines: [], held: [] }, []];

  function draw(): void {
    const width = terminal.columns || 80;
    const lines = [
      ...table(machineCells(last[0]), width),
      '',
      ...table(childCells(...last), width),
      '',
      ...events.slice(-EVENTS_SHOWN),
    ].map((line) => cut(line, width - 1));
    const visible = lines.slice(0, Math.max(1, (terminal.rows || 24) - 1));
    moveCursor(terminal, 0, -height);
    clearScreenDown(terminal);
    terminal.write(`${visible.join('\n')}\n`);
    height = visible.length;
  }

  return {
    event(text) {
      events.push(`${styleText('gray', clock(startedMs))}  ${text}`);
      draw();
    },
    update(view, children) {
      last = [view, children];
      draw();
    },
    close: () => {},
  };
}

function machineCells({ machines, held }: FleetView): string[] {
  return machines.map(({ machineId, name, state, agentEpoch }) => {
    const work = held.find(({ target }) => target === machineId);
    const agent = agentEpoch === null ? '' : ` agent ${agentEpoch}`;
    const hand = work
      ? styleText('magenta', ` ${work.kind.replace('Fleet', '').toLowerCase()} #${work.token}`)
      : '';
    return `${name.padEnd(14)} ${styleText(STATE_STYLES[state] ?? 'white', state.padEnd(10))}${agent}${hand}`;
  });
}

function childCells({ held }: FleetView, children: readonly Child[]): string[] {
  return children.map((child) => {
    const holds = held.filter((work) => isHeldBy(work, child)).length;
    const state = styleText(STATE_STYLES[child.state] ?? 'white', child.state.padEnd(8));
    return `${child.name.padEnd(14)} ${state} pid ${child.pid}${holds > 0 ? styleText('magenta', ` holds ${holds}`) : ''}`;
  });
}

const CELL_WIDTH = 52;

/** Cells in as many columns as fit, read downwards. */
function table(cells: readonly string[], width: number): string[] {
  const columns = Math.max(1, Math.floor(width / CELL_WIDTH));
  const rows = Math.ceil(cells.length / columns);
  return Array.from({ length: rows }, (_, row) =>
    Array.from({ length: columns }, (_, column) => pad(cells[column * rows + row] ?? '', CELL_WIDTH)).join(
      '',
    ),
  );
}

const pad = (text: string, width: number) =>
  text + ' '.repeat(Math.max(0, width - stripVTControlCharacters(text).length));

/** Cut to the width: a line that wraps would spoil the redraw. */
const cut = (line: string, width: number) =>
  stripVTControlCharacters(line).length <= width ? line : stripVTControlCharacters(line).slice(0, width);
