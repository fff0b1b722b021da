/**
 * The machines that a fleet should have, read from YAML. A bad file is refused as a whole, with the line and
 * the reason of everything that is wrong with it; nothing of it is used.
 */
import { readFile } from 'node:fs/promises';
import { LineCounter, parseDocument, visit } from 'yaml';
import { z } from 'zod';
import { HoldfastError } from '../../../../src/index.ts';

/** One machine of the inventory. */
export interface InventoryMachine {
  readonly name: string;
  /** Image of the operating system to install; undefined for none. */
  readonly os?: string | undefined;
}

export interface Inventory {
  readonly machines: readonly InventoryMachine[];
}

/** The inventory cannot be used. `message` has one `file:line:column: reason` for each fault. */
export class InventoryError extends HoldfastError {
  readonly code = 'HOLDFAST_FLEET_INVENTORY';
}

const name = z
  .string({
    error: ({ input }) =>
      input === undefined ? 'a machine needs a name' : 'a name is text: put it in quotation marks',
  })
  .regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, 'a name is 1 to 63 of a-z, 0-9 and -, not first or last');
const os = z
  .string({ error: 'os is the name of an image in quotation marks, or none' })
  .regex(/^[A-Za-z0-9._-]{1,100}$/, 'an image is 1 to 100 letters, digits, dots, underscores and dashes');

/** Unknown settings keep their own message. */
const otherwise = (message: string) => ({
  error: ({ code }: { readonly code: string }) => (code === 'invalid_type' ? message : undefined),
});

const machine = z.strictObject(
  { name, os: os.optional() },
  otherwise('a machine is written as - name: its-name'),
);

const schema = z.strictObject(
  {
    defaults: z.strictObject({ os: os.optional() }, otherwise('defaults has the setting os')).optional(),
    machines: z.array(machine, otherwise('a list of machines is needed, each at least with a name')),
  },
  otherwise('the file begins with machines: and the list of them'),
);

/**
 * Reads an inventory.
 *
 * @param source what to call the text in errors, usually its path
 * @throws InventoryError naming every fault with its line
 */
export function parseInventory(text: string, source: string): Inventory {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, logLevel: 'error' });
  const faults: string[] = [];
  const fault = (offset: number, reason: string) => {
    const { line, col } = lines.linePos(offset);
    faults.push(`${source}:${line}:${col}: ${reason}`);
  };
  /** Where a path's value starts; for what is not there, the nearest thing around it. */
  const offsetOf = (path: readonly PropertyKey[]): number => {
    for (let length = path.length; length > 0; length--) {
      const node = document.getIn(path.slice(0, length), true) as
        | { range?: [number, number, number] }
        | undefined;
      if (node?.range) return node.range[0];
    }
    return document.contents?.range?.[0] ?? 0;
  };

  for (const error of [...document.errors, ...document.warnings])
    fault(
      error.pos[0],
      error.code === 'MULTIPLE_DOCS'
        ? 'one document is wanted: take the --- out'
        : error.message.split('\n')[0]!.replace(/ at line \d+, column \d+:?$/, ''),
    );
  visit(document, {
    Alias: (_, alias) => {
      if (!alias.resolve(document)) fault(alias.range?.[0] ?? 0, `nothing above is called &${alias.source}`);
    },
  });
  let content: unknown;
  try {
    if (faults.length === 0) content = document.toJS();
  } catch (error) {
    fault(0, (error as Error).message);
  }
  if (faults.length > 0) throw new InventoryError(faults.join('; '));

  const parsed = schema.safeParse(content ?? {});
  if (!parsed.success) {
    for (const issue of parsed.error.issues) {
      const keys = issue.code === 'unrecognized_keys' ? issue.keys : [undefined];
      for (const key of keys) {
        const path = key === undefined ? issue.path : [...issue.path, key];
        const at = path.map(String).join('.');
        fault(
          offsetOf(path),
          key === undefined ? `${at || 'file'}: ${issue.message}` : `${at}: no such setting`,
        );
      }
    }
    throw new InventoryError(faults.join('; '));
  }

  const firstLine = new Map<string, number>();
  parsed.data.machines.forEach((machine, index) => {
    const offset = offsetOf(['machines', index, 'name']);
    const earlier = firstLine.get(machine.name);
    if (earlier !== undefined)
      fault(offset, `${machine.name} is on line ${earlier} already: each machine once`);
    else firstLine.set(machine.name, lines.linePos(offset).line);
  });
  if (faults.length > 0) throw new InventoryError(faults.join('; '));

  const defaultOs = parsed.data.defaults?.os;
  return {
    machines: parsed.data.machines.map((machine) => {
      const image = machine.os ?? defaultOs;
      return { name: machine.name, os: image === 'none' ? undefined : image };
    }),
  };
}

/** Reads an inventory from a file. Throws InventoryError, also when the file cannot be read. */
export async function readInventory(path: string): Promise<Inventory> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    const { code = '', message } = cause as NodeJS.ErrnoException;
    const reasons: Record<string, string> = { ENOENT: 'there is no such file', EISDIR: 'it is a folder' };
    const reason = reasons[code] ?? message;
    throw new InventoryError(`${path}: ${reason}; name the inventory with --inventory`, { cause });
  }
  return parseInventory(text, path);
}
